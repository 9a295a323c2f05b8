package redis

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/redis/rueidis"

	"github.com/marconi-mq/marconi/internal/pause"
	"github.com/marconi-mq/marconi/storage"
)

const (
	readPatience = 30 * time.Second // for a server that does not answer: a failover takes so long
	readTimeout  = 10 * time.Second // of one try
	longestPause = time.Second      // between two tries
	keysPerScan  = 1000
)

// A Reader reads the keys of a server that holds no store of ours. It sends commands that read, and repeats them while the
// server is away for a moment; anything else it refuses to send. All methods are safe for concurrent use.
type Reader struct {
	client *client
	skew   time.Duration // the server's clock less ours
}

// readers are the commands that a Reader sends, beside those that log in.
var readers = []string{
	"EXISTS", "HEXISTS", "HGET", "HMGET", "HSTRLEN", "INFO", "PING", "SCAN", "TIME", "TYPE",
	"ZCARD", "ZCOUNT", "ZRANGEBYLEX", "ZRANGEBYSCORE", "ZSCORE",
}

// A Value is a string or number of a reply, or what is not there.
type Value struct {
	Text  string
	Found bool
}

// A Reply is what a command was answered: its values one after the other, those of lists in lists too.
type Reply struct {
	Values    []Value
	WrongType bool // the key holds something else than the command is for; there are no values
}

// OpenReader connects to the server at uri, which has the forms that [Open] takes, but for clusters and for what says how a
// store of ours is laid out. A replica will do.
func OpenReader(ctx context.Context, uri string, o storage.Options) (*Reader, error) {
	o = o.WithDefaults()
	s, err := parseURI(uri)
	if err == nil {
		err = s.checkReader()
	}
	if err != nil {
		return nil, fmt.Errorf("read from Redis: %w", err)
	}
	c := &client{settings: s, log: o.Logger, meter: o.Meter, dialer: newDialer(s, o.Meter)}
	c.stopped, c.stop = context.WithCancel(context.WithoutCancel(ctx))
	r := &Reader{client: c}
	if err := r.connect(); err != nil {
		r.Close()
		return nil, fmt.Errorf("open %s: %w", r.Place(), advise(err, s))
	}
	if err := r.greet(ctx); err != nil {
		r.Close()
		return nil, err
	}
	return r, nil
}

// checkReader refuses what would be for nothing.
func (s settings) checkReader() error {
	plain := defaultSettings()
	switch {
	case s.topology == cluster:
		return errors.New("cluster=true is for stores of this service: OpenStack's driver can't use a cluster")
	case s.prefix != plain.prefix, s.durability != plain.durability:
		return errors.New("prefix and durability are for stores of this service: leave them out")
	}
	return nil
}

func (r *Reader) connect() error {
	options, err := r.client.options()
	if err != nil {
		return err
	}
	r.client.shared, err = rueidis.NewClient(options)
	return err
}

// greet sees that the server answers, and reads its clock, if this user may.
func (r *Reader) greet(ctx context.Context) error {
	before := time.Now()
	replies, err := r.Read(ctx, []string{"TIME"})
	if refusal(err, "NOPERM") {
		return nil
	}
	if err != nil {
		return err
	}
	if v := replies[0].Values; len(v) == 2 {
		seconds, errS := strconv.ParseInt(v[0].Text, 10, 64)
		micros, errM := strconv.ParseInt(v[1].Text, 10, 64)
		if errS == nil && errM == nil {
			between := before.Add(time.Since(before) / 2)
			r.skew = time.Unix(seconds, micros*1000).Sub(between)
		}
	}
	return nil
}

// Now is the time by the server's clock; by this machine's, if the user may not ask for it.
func (r *Reader) Now() time.Time { return time.Now().Add(r.skew) }

// Place is where the server is, without secrets.
func (r *Reader) Place() string {
	s := r.client.settings
	if s.database == 0 {
		return s.redacted()
	}
	mark := "?"
	if s.topology == sentinel {
		mark = "&"
	}
	return s.redacted() + mark + "dbid=" + strconv.Itoa(s.database)
}

// Close ends the connections.
func (r *Reader) Close() { r.client.close() }

// Info gives what the server says of itself, by name; nothing, if this user may not ask.
func (r *Reader) Info(ctx context.Context) (map[string]string, error) {
	replies, err := r.Read(ctx, []string{"INFO"})
	if refusal(err, "NOPERM") {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return parseInfo(replies[0].Values[0].Text), nil
}

// Keys calls begin, and then f for the keys of the database, some at a time: each that is there all the time at least once.
// After a break, when it can't go on where it was, it begins again.
func (r *Reader) Keys(ctx context.Context, begin func(), f func(keys []string) error) error {
	for {
		begin()
		servers := r.servers()
		whole, err := r.scan(ctx, f)
		if err != nil || whole && slices.Equal(servers, r.servers()) {
			return err
		}
	}
}

// servers are those that are asked. A cursor means nothing to another.
func (r *Reader) servers() []string { return slices.Sorted(maps.Keys(r.client.shared.Nodes())) }

func (r *Reader) scan(ctx context.Context, f func([]string) error) (whole bool, err error) {
	cursor := "0"
	for {
		replies, tries, err := r.repeat(ctx, [][]string{{"SCAN", cursor, "COUNT", strconv.Itoa(keysPerScan)}})
		if err != nil || tries > 1 && cursor != "0" {
			return false, err
		}
		values := replies[0].Values
		if len(values) == 0 {
			return false, fmt.Errorf("scan %s: the reply is none of SCAN", r.Place())
		}
		keys := make([]string, len(values)-1)
		for i, v := range values[1:] {
			keys[i] = v.Text
		}
		if err := f(keys); err != nil {
			return false, err
		}
		if cursor = values[0].Text; cursor == "0" {
			return true, nil
		}
	}
}

// Read sends commands together and gives their replies in that order. A command whose reply is an error, but for the wrong
// type of key, is an error of the whole.
func (r *Reader) Read(ctx context.Context, commands ...[]string) ([]Reply, error) {
	replies, _, err := r.repeat(ctx, commands)
	return replies, err
}

func (r *Reader) repeat(ctx context.Context, commands [][]string) (replies []Reply, tries int, err error) {
	for _, c := range commands {
		if !slices.Contains(readers, c[0]) {
			return nil, 0, fmt.Errorf("%s is no command that only reads", c[0])
		}
	}
	started, wait := time.Now(), 50*time.Millisecond
	for {
		tries++
		replies, err = r.once(ctx, commands)
		if err == nil || ctx.Err() != nil || r.client.stopped.Err() != nil || !passing(err) || time.Since(started) > readPatience {
			break
		}
		_ = pause.For(ctx, wait) // the next try says that it has ended
		wait = min(2*wait, longestPause)
	}
	if err != nil {
		return nil, tries, fmt.Errorf("read from %s: %w", r.Place(), advise(err, r.client.settings))
	}
	return replies, tries, nil
}

func (r *Reader) once(ctx context.Context, commands [][]string) ([]Reply, error) {
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	sent := make(rueidis.Commands, len(commands))
	for i, c := range commands {
		sent[i] = r.client.shared.B().Arbitrary(c...).ReadOnly()
	}
	replies := make([]Reply, len(commands))
	for i, result := range r.client.shared.DoMulti(ctx, sent...) {
		m, err := result.ToMessage()
		switch {
		case rueidis.IsRedisNil(err):
			replies[i].Values = []Value{{}}
		case refusal(err, "WRONGTYPE"):
			replies[i].WrongType = true
		case err != nil:
			return nil, fmt.Errorf("%s: %w", strings.ToLower(commands[i][0]), err)
		default:
			replies[i].Values = values(nil, m)
		}
	}
	return replies, nil
}

// values adds what is in m to all.
func values(all []Value, m rueidis.RedisMessage) []Value {
	switch {
	case m.IsNil():
		return append(all, Value{})
	case m.IsInt64():
		n, _ := m.AsInt64()
		return append(all, Value{strconv.FormatInt(n, 10), true})
	case m.IsFloat64():
		n, _ := m.AsFloat64()
		return append(all, Value{strconv.FormatFloat(n, 'g', -1, 64), true})
	}
	if list, err := m.ToArray(); err == nil {
		for _, one := range list {
			all = values(all, one)
		}
		return all
	}
	text, err := m.ToString()
	return append(all, Value{text, err == nil})
}

// passing tells whether an error may be gone in a moment.
func passing(err error) bool {
	var reply *rueidis.RedisError
	return !errors.As(err, &reply) || hasCode(reply.Error(), soon)
}

// refusal tells whether an error is the server's, of that code.
func refusal(err error, code string) bool {
	var reply *rueidis.RedisError
	return errors.As(err, &reply) && hasCode(reply.Error(), []string{code})
}
