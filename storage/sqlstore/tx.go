package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"strconv"

	"github.com/marconi-mq/marconi"
)

// errAgain is what a work answers that has done a part and wants to go on in another transaction.
var errAgain = errors.New("the work goes on in another transaction")

// A tx is one operation's part of a transaction. What it changes, tells and numbers counts once that is committed.
type tx struct {
	*statements
	stmts   *prepared
	headers *headers
	numbers *numbers
	inserts *inserts
	room    *room
	now     int64 // of the store, in milliseconds; one moment for all that the operation judges
	changed bool  // anything: if the operation fails now, the transaction is lost
	news    []*news
}

// numbers are the last that were given to rows of a database with one writer.
type numbers struct {
	body, hold int64
}

func (n *numbers) nextBody() int64 { n.body++; return n.body }

func (n *numbers) nextHold() int64 { n.hold++; return n.hold }

func (n *numbers) load(t *tx) error {
	if _, err := t.get(t.lastBody, []any{&n.body}); err != nil {
		return err
	}
	_, err := t.get(t.lastHold, []any{&n.hold})
	return err
}

// exec runs a statement that changes something. What has begun runs to its end: half a transaction is of no use.
func (t *tx) exec(query string, args ...any) (int64, error) {
	t.changed = true
	if err := t.inserts.write(); err != nil {
		return 0, err
	}
	return t.stmts.exec(context.Background(), query, args...)
}

func (t *tx) query(query string, row func(*sql.Rows) error, args ...any) error {
	if err := t.inserts.write(); err != nil {
		return err
	}
	return t.stmts.query(context.Background(), query, row, args...)
}

// get scans the one row of a query, and reports whether there is one.
func (t *tx) get(query string, places []any, args ...any) (found bool, err error) {
	err = t.query(query, into(&found, places...), args...)
	return found, err
}

// tell is where the operation's news of a queue are gathered.
func (t *tx) tell(ref marconi.QueueRef) *news {
	for _, n := range t.news {
		if n.ref == ref {
			return n
		}
	}
	n := &news{ref: ref}
	t.news = append(t.news, n)
	return n
}

// jsonList writes numbers as the parameter seqs of a statement.
func jsonList(numbers []int64) string {
	b := make([]byte, 0, 2+18*len(numbers))
	b = append(b, '[')
	for i, n := range numbers {
		if i > 0 {
			b = append(b, ',')
		}
		b = strconv.AppendInt(b, n, 10)
	}
	return string(append(b, ']'))
}
