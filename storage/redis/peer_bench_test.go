//go:build unix

package redis

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// BenchmarkBesideBeanstalkd takes messages of 1 KiB and acknowledges them, in turns: over HTTP in claims of ten that are deleted
// together, and from a beanstalkd, which has no batches, one by one; both with as many clients. It needs beanstalkd on the PATH.
func BenchmarkBesideBeanstalkd(b *testing.B) {
	path, err := exec.LookPath("beanstalkd")
	if err != nil {
		b.Skip("beanstalkd: not on the PATH")
	}
	address := startBeanstalkd(b, path)
	bench := startHTTPBench(b)
	operations := httpOperations(2000)
	ours := operations[len(operations)-1]
	var rates, theirs, ratios []float64
	for b.Loop() {
		us := bench.turn(b, ours, "server").rate * float64(ours.each)
		they := beanstalkdTurn(b, address, ours.filled)
		rates, theirs, ratios = append(rates, us), append(theirs, they), append(ratios, us/they)
	}
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(middle(rates), "messages/s")
	b.ReportMetric(middle(theirs), "beanstalkd-messages/s")
	b.ReportMetric(middle(ratios), "ratio")
}

func startBeanstalkd(b *testing.B, path string) (address string) {
	b.Helper()
	l := listenHTTP(b)
	address = l.Addr().String()
	if err := l.Close(); err != nil {
		b.Fatal(err)
	}
	host, port, _ := net.SplitHostPort(address)
	c := exec.Command(path, "-l", host, "-p", port)
	c.Stderr = os.Stderr
	if err := c.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		_ = c.Process.Kill()
		_ = c.Wait() // it was killed
	})
	for range 100 {
		if conn, err := net.Dial("tcp", address); err == nil {
			_ = conn.Close()
			return address
		}
		time.Sleep(20 * time.Millisecond)
	}
	b.Fatal("beanstalkd does not start")
	return ""
}

// beanstalkdTurn gives how many jobs a second are reserved and deleted.
func beanstalkdTurn(b *testing.B, address string, jobs int) float64 {
	b.Helper()
	body := strings.Repeat("x", 1024)
	each := jobs / httpClients
	shared := func(do func(c *beanstalkdConn) error) time.Duration {
		b.Helper()
		conns := make([]*beanstalkdConn, httpClients)
		for i := range conns {
			conn, err := net.Dial("tcp", address)
			if err != nil {
				b.Fatal(err)
			}
			defer conn.Close()
			conns[i] = &beanstalkdConn{conn, bufio.NewReaderSize(conn, 64<<10)}
		}
		start := time.Now()
		var all sync.WaitGroup
		for _, c := range conns {
			all.Go(func() {
				for range each {
					if err := do(c); err != nil {
						b.Error(err)
						return
					}
				}
			})
		}
		all.Wait()
		return time.Since(start)
	}
	shared(func(c *beanstalkdConn) error {
		_, err := c.ask(fmt.Sprintf("put 0 0 60 %d\r\n%s\r\n", len(body), body), "INSERTED")
		return err
	})
	took := shared(func(c *beanstalkdConn) error {
		fields, err := c.ask("reserve\r\n", "RESERVED")
		if err != nil {
			return err
		}
		id := string(fields[1])
		size, err := strconv.ParseInt(string(fields[2]), 10, 64)
		if err != nil {
			return err
		}
		if _, err := io.CopyN(io.Discard, c.in, size+2); err != nil {
			return err
		}
		_, err = c.ask("delete "+id+"\r\n", "DELETED")
		return err
	})
	return float64(each*httpClients) / took.Seconds()
}

type beanstalkdConn struct {
	net.Conn
	in *bufio.Reader
}

// ask sends a command, and gives the words of the line that answers it.
func (c *beanstalkdConn) ask(command, want string) ([][]byte, error) {
	if _, err := io.WriteString(c, command); err != nil {
		return nil, err
	}
	line, err := c.in.ReadSlice('\n')
	if err != nil {
		return nil, err
	}
	fields := bytes.Fields(line)
	if len(fields) == 0 || string(fields[0]) != want {
		return nil, fmt.Errorf("beanstalkd answered %q", line)
	}
	return fields, nil
}
