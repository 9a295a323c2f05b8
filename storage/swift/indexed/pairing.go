package indexed

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/marconi-mq/marconi"
	"github.com/marconi-mq/marconi/internal/pause"
	"github.com/marconi-mq/marconi/storage/swift/objects"
)

// pairQueue is the queue in the index that says which containers belong to it.
var pairQueue = marconi.QueueRef{QueueKey: marconi.QueueKey{Name: "marconi-swift-pair"}}

// pairLife is how long its messages live: for ever, as a number that every index takes.
const pairLife marconi.Seconds = 50 * 365 * 24 * 3600

// What is in that queue, before an ID. The first of each counts, so that processes which make one at the same moment agree.
const (
	indexRecord     = "index:"
	containerRecord = "containers:"
)

// A pairing ties an index to the containers with its segments: read by others, it would miss all bodies.
//
// The index has an ID. An object in Swift, the mark, begins with that of the first index that came, and each index has the whole of the mark:
//
//	index   "index:I", "containers:I-R"    messages of pairQueue
//	Swift   PREFIX-index / id              I-R
//
// So an index that knows of a mark belongs where that is. One that knows of none is new, and taken in: if the mark begins otherwise, there
// are or were others, whose segments do no harm, for each has its own. The mark is made after the index has its ID, and before the index knows of
// it: who dies in between leaves what the next one goes on with.
type pairing struct {
	index  marconi.DataStore
	client objects.Client
	prefix string
	settle time.Duration
	log    *slog.Logger
}

// A pair is what the index knows.
type pair struct{ index, mark string }

func (p *pairing) at() objects.Path { return objects.Path{Container: p.prefix + "-index", Name: "id"} }

// tie makes sure that the index belongs to these containers; one that belongs to none yet is tied to them. Otherwise it is
// [marconi.ErrForeignPart], unless adopt is set, which ties it anew. A full index that knows of nothing yet is tied at another start: its
// consumers shall not have to wait.
func (p *pairing) tie(ctx context.Context, adopt bool) error {
	err := p.agree(ctx)
	switch {
	case errors.Is(err, marconi.ErrFull):
		err = nil
	case errors.Is(err, marconi.ErrForeignPart) && adopt:
		err = p.anew(ctx)
	}
	if err != nil {
		return fmt.Errorf("see whether index and containers belong together: %w", err)
	}
	return nil
}

func (p *pairing) agree(ctx context.Context) error {
	known, err := p.known(ctx)
	if err == nil && known.index == "" {
		known, err = p.record(ctx, indexRecord+rand.Text())
	}
	if err != nil {
		return err
	}
	mark, err := p.mark(ctx)
	if err == nil && mark == "" && known.mark != "" {
		return p.otherContainers()
	}
	if err == nil && mark == "" {
		mark, err = p.makeMark(ctx, known)
	}
	if err != nil {
		return err
	}
	return p.compare(ctx, known, mark)
}

// compare has the index know of the mark, if it knows of none.
func (p *pairing) compare(ctx context.Context, known pair, mark string) (err error) {
	if known.mark == "" {
		if known, err = p.record(ctx, containerRecord+mark); err != nil {
			return err
		}
		if id, _, _ := strings.Cut(mark, "-"); id != known.index {
			p.log.LogAttrs(ctx, slog.LevelWarn, "the index is new, and Swift has bodies of another: if that one is lost they expire by themselves",
				slog.String("containers", p.prefix+"-segments-…"))
		}
	}
	if known.mark != mark {
		return p.otherContainers()
	}
	return nil
}

// anew ties the index to these containers, whatever it belonged to.
func (p *pairing) anew(ctx context.Context) error {
	if err := p.index.Purge(ctx, pairQueue); err != nil {
		return err
	}
	return p.agree(ctx)
}

// known reads what the index knows.
func (p *pairing) known(ctx context.Context) (known pair, err error) {
	l := marconi.Listing{Limit: 100, Echo: true}
	for {
		page, err := p.index.List(ctx, pairQueue, l)
		if err != nil {
			return pair{}, err
		}
		for _, m := range page.Items {
			text := strings.Trim(string(m.Body), `"`)
			if id, is := strings.CutPrefix(text, indexRecord); is && known.index == "" {
				known.index = id
			}
			if mark, is := strings.CutPrefix(text, containerRecord); is && known.mark == "" {
				known.mark = mark
			}
		}
		if len(page.Items) == 0 || known.mark != "" {
			return known, nil
		}
		l.Marker = page.Next
	}
}

// record adds a text to what the index knows, and reads what counts.
func (p *pairing) record(ctx context.Context, text string) (pair, error) {
	m := marconi.NewMessage{TTL: pairLife, Body: []byte(`"` + text + `"`)}
	if _, err := p.index.Post(ctx, pairQueue, marconi.Post{Messages: []marconi.NewMessage{m}}); err != nil {
		return pair{}, err
	}
	return p.known(ctx)
}

// mark reads the mark, or is "" if there is none. What is listed and can't be found is not taken for missing: servers that have it are away.
func (p *pairing) mark(ctx context.Context) (string, error) {
	mark, err := p.read(ctx)
	if !errors.Is(err, objects.ErrMissing) {
		return mark, err
	}
	var listed []objects.Entry
	err = often(ctx, func() (err error) {
		listed, err = p.client.List(ctx, p.at().Container, objects.Listing{Prefix: p.at().Name, Limit: 1})
		return err
	})
	switch {
	case errors.Is(err, objects.ErrContainer):
		return "", nil
	case err != nil:
		return "", err
	case len(listed) == 0 || listed[0].Name != p.at().Name:
		return "", nil
	}
	if mark, err = p.read(ctx); errors.Is(err, objects.ErrMissing) { // not just made by another process
		err = fmt.Errorf("%s/%s is listed, and can't be found in Swift at present: %w", p.at().Container, p.at().Name, marconi.ErrUnavailable)
	}
	return mark, err
}

func (p *pairing) read(ctx context.Context) (string, error) {
	var o objects.Object
	err := often(ctx, func() (err error) {
		o, err = p.client.Get(ctx, p.at(), true)
		return err
	})
	return string(o.Body), err
}

// makeMark makes the mark, and reads which one stays: whatever becomes of this one, there may be another's.
func (p *pairing) makeMark(ctx context.Context, known pair) (string, error) {
	text := []byte(known.index + "-" + rand.Text())
	putErr := often(ctx, func() error {
		err := p.client.Put(ctx, p.at(), text, objects.Attributes{ContentType: "text/plain"}, objects.Anew)
		if !errors.Is(err, objects.ErrContainer) {
			return err
		}
		if err := p.client.MakeContainer(ctx, p.at().Container); err != nil {
			return err
		}
		return p.client.Put(ctx, p.at(), text, objects.Attributes{ContentType: "text/plain"}, objects.Anew)
	})
	if err := pause.For(ctx, p.settle); err != nil {
		return "", err
	}
	mark, err := p.read(ctx)
	if err != nil {
		return "", errors.Join(putErr, err)
	}
	return mark, nil
}

func (p *pairing) otherContainers() error {
	text := "this index has its bodies in other containers of Swift than " + p.prefix + "-segments-… of this account"
	return &marconi.Error{Kind: marconi.ErrForeignPart.Kind, Code: marconi.ErrForeignPart.Code, Text: text}
}

// often makes a request again whose repetition does no harm, while nobody knows how it went.
func often(ctx context.Context, do func() error) error {
	for try := 1; ; try++ {
		err := do()
		known := err == nil || errors.Is(err, objects.ErrMissing) || errors.Is(err, objects.ErrContainer) || errors.Is(err, objects.ErrExists)
		if known || try == tries || !rest(ctx, try) {
			return err
		}
	}
}
