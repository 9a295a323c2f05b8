package command

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// A terminal is a pseudo-terminal with marconi-bench in it.
type terminal struct {
	*program
	master *os.File
	drawn  chan struct{} // closed when nothing more comes

	mu   sync.Mutex // guards what follows
	said strings.Builder
}

// terminals makes a pair of ends: ours, and the program's.
func terminals(t *testing.T) (master, slave *os.File) {
	t.Helper()
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Skipf("there are no terminals here: %v", err)
	}
	t.Cleanup(func() { _ = master.Close() })
	if err := unix.IoctlSetPointerInt(int(master.Fd()), unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	n, err := unix.IoctlGetInt(int(master.Fd()), unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	slave, err = os.OpenFile("/dev/pts/"+strconv.Itoa(n), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	return master, slave
}

// onTerminal starts marconi-bench on a terminal so wide, as a shell would.
func onTerminal(t *testing.T, dir string, width int, environ []string, args ...string) *terminal {
	t.Helper()
	master, slave := terminals(t)
	defer slave.Close()
	p := &program{dir: dir, temp: t.TempDir(), name: filepath.Base(t.TempDir()) + strings.ReplaceAll(t.Name(), "/", "-")}
	x := &terminal{program: p, master: master, drawn: make(chan struct{})}
	x.resize(t, width)
	p.cmd = exec.Command(os.Args[0], args...)
	p.cmd.Dir, p.cmd.Stdin, p.cmd.Stdout, p.cmd.Stderr = dir, slave, slave, slave
	p.cmd.Env = append(append(os.Environ(), mark+"="+p.name, "TMPDIR="+p.temp, "TERM=xterm"), environ...)
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go x.read()
	return x
}

// read takes what is drawn, until the last who has the terminal is gone.
func (x *terminal) read() {
	defer close(x.drawn)
	for buffer := make([]byte, 4096); ; {
		n, err := x.master.Read(buffer)
		x.mu.Lock()
		x.said.Write(buffer[:n])
		x.mu.Unlock()
		if err != nil {
			return
		}
	}
}

func (x *terminal) resize(t *testing.T, width int) {
	t.Helper()
	if err := unix.IoctlSetWinsize(int(x.master.Fd()), unix.TIOCSWINSZ, &unix.Winsize{Row: 24, Col: uint16(width)}); err != nil {
		t.Fatal(err)
	}
}

// text is all that was drawn so far.
func (x *terminal) text() string {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.said.String()
}

// await waits until something is drawn after a place, and gives where it ends.
func (x *terminal) await(t *testing.T, what string, after int) int {
	t.Helper()
	for range 6000 {
		if text := x.text(); len(text) > after {
			if i := strings.Index(text[after:], what); i >= 0 {
				return after + i + len(what)
			}
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatalf("%q was never drawn; what was: %q", what, x.text())
	return 0
}

// press presses a key.
func (x *terminal) press(t *testing.T, key byte) {
	t.Helper()
	if _, err := x.master.Write([]byte{key}); err != nil {
		t.Fatal(err)
	}
}

const ctrlC = 0x03

var control = regexp.MustCompile("\x1b\\[([0-9;?]*)([A-Za-z])")

// screenOf is what a terminal of that width shows in the end: with what scrolled by, without what was painted over. It knows
// what this program uses, and says what it doesn't.
func screenOf(text string, width int) (lines []string, err error) {
	rows, row, column := [][]rune{nil}, 0, 0
	line := func() []rune {
		for row >= len(rows) {
			rows = append(rows, nil)
		}
		return rows[row]
	}
	for text != "" {
		if at := control.FindStringSubmatchIndex(text); at != nil && at[0] == 0 {
			arg, kind := text[at[2]:at[3]], text[at[4]:at[5]]
			n, _ := strconv.Atoi(arg)
			switch kind {
			case "A":
				row = max(row-max(n, 1), 0)
			case "J": // from here to the end of the screen
				rows = append(rows[:row], line()[:min(column, len(line()))])
			case "K":
				rows[row] = line()[:min(column, len(line()))]
			case "m", "h", "l": // colours; the cursor shown or hidden
			default:
				return nil, fmt.Errorf("the terminal is told %q", text[:at[1]])
			}
			text = text[at[1]:]
			continue
		}
		r := []rune(text[:min(4, len(text))])[0]
		text = text[len(string(r)):]
		switch {
		case r == '\n':
			row++
		case r == '\r':
			column = 0
		case r < ' ':
			return nil, fmt.Errorf("the terminal is sent %q", r)
		default:
			if column == width {
				row, column = row+1, 0
			}
			l := line()
			for len(l) <= column {
				l = append(l, ' ')
			}
			l[column] = r
			rows[row] = l
			column++
		}
	}
	for _, l := range rows {
		lines = append(lines, strings.TrimRight(string(l), " "))
	}
	return lines, nil
}

// longer is a plan of one run that can be watched.
const longer = `plan: longer
targets: [{name: memory, start: {backend: memory}, api: [1.1]}]
workloads: [{use: work-queue, producers: 2, workers: 2}]
load: {rates: [50], connections: 8, timeout: 2s}
time: {warmup: 50ms, duration: 1500ms, drain: 2s, cooldown: 0s, repeats: 2}
`

// A terminal shows how a run goes, line by line below a bar, whatever its width becomes; in the end the lines of what has
// ended are left, the conclusion, and nothing of the bar.
func TestOnATerminal(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	x := onTerminal(t, dir, 120, nil, "run", planFile(t, dir, longer), "--out", "results")
	at := x.await(t, "response  p50", 0)
	x.resize(t, 60)
	at = x.await(t, "…", at) // what doesn't fit any more is cut
	x.resize(t, 140)
	x.await(t, "errors 0", at)
	status := x.wait(t)
	<-x.drawn
	if status != Fine && status != Unfit {
		t.Fatalf("exit status %d\n%s", status, x.text())
	}
	lines, err := screenOf(x.text(), 140)
	if err != nil {
		t.Fatal(err)
	}
	shown := strings.Join(lines, "\n")
	t.Logf("the terminal shows\n%s", shown)
	for _, want := range []string{"results in results", "work-queue · memory · v1.1 · 50/s · run 1/2: ", "run 2/2: ", "writing the report", "verdict ", "report      results/report.html"} {
		if strings.Count(shown, want) != 1 {
			t.Errorf("%q is shown %d times, want once", want, strings.Count(shown, want))
		}
	}
	for _, gone := range []string{"█", "░", "backlog"} {
		if strings.Contains(shown, gone) {
			t.Errorf("%q is left on the terminal", gone)
		}
	}
	if hidden, again := strings.LastIndex(x.text(), "\x1b[?25l"), strings.LastIndex(x.text(), "\x1b[?25h"); hidden > again {
		t.Error("the cursor is left hidden")
	}
}

// Ctrl-C on a terminal reaches servers and generator at once, since they have it in common; it stops after the run all the
// same, says so in a line of its own, and makes the report.
func TestCtrlCOnATerminal(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	x := onTerminal(t, dir, 100, []string{"NO_COLOR=1"}, "run", planFile(t, dir, longer), "--out", "results")
	x.await(t, "response  p50", 0)
	x.press(t, ctrlC)
	status := x.wait(t)
	<-x.drawn
	if status != Interrupted {
		t.Fatalf("exit status %d\n%s", status, x.text())
	}
	lines, err := screenOf(x.text(), 100)
	if err != nil {
		t.Fatal(err)
	}
	shown := strings.Join(lines, "\n")
	t.Logf("the terminal shows\n%s", shown)
	for _, want := range []string{"\nmarconi-bench: stopping after this run; once more breaks it off\n", "run 1/2: ", "cut short", "report      results/report.html"} {
		if strings.Count(shown, want) != 1 {
			t.Errorf("%q is shown %d times, want once", want, strings.Count(shown, want))
		}
	}
	if got := runs(t, dir); len(got) != 1 || got[0].Partial {
		t.Errorf("%d runs, want the one in hand, whole", len(got))
	}
	if strings.Contains(x.text(), "\x1b[31m") {
		t.Error("it is coloured though NO_COLOR is set")
	}
}
