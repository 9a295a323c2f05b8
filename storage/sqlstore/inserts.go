package sqlstore

import (
	"context"
	"fmt"
	"slices"
)

// rowsAtOnce is how many rows one statement inserts, if there are so many. That saves some 5 µs of 20 for a body and its message; more
// rows would save little more, and fewer posts come to so many.
const rowsAtOnce = 8

// An inserts gathers the rows of posts on their way into the database, of whichever operations of a transaction, so as to insert
// several in one statement. They are written before any other statement of the transaction is run: none finds out that they have waited.
//
// If they can't be written, it is not known by whose fault. The transaction is run again then with each row written by itself, so
// that the operation fails that can't be done, and no other.
type inserts struct {
	stmts *prepared
	sql   *statements

	bodies, messages []any // parameters of the statements, row by row
	rows             int
	apart            bool // each row is written at once
	failed           bool // the transaction under way, when rows were written
}

// add takes a row of each table.
func (in *inserts) add(body, message []any) error {
	in.bodies, in.messages = append(in.bodies, body...), append(in.messages, message...)
	in.rows++
	if in.rows < rowsAtOnce && !in.apart {
		return nil
	}
	return in.write()
}

// write writes the rows that wait.
func (in *inserts) write() error {
	if in.rows == 0 {
		return nil
	}
	err := in.insert("add bodies", in.sql.insertBodies, in.sql.insertBody, in.bodies)
	if err == nil {
		err = in.insert("add messages", in.sql.insertMessages, in.sql.insertMessage, in.messages)
	}
	in.drop()
	in.failed = err != nil
	return err
}

func (in *inserts) insert(what, all, one string, args []any) error {
	query, each := one, len(args)/in.rows
	if in.rows == rowsAtOnce {
		query, each = all, len(args)
	}
	for row := range slices.Chunk(args, each) {
		if _, err := in.stmts.exec(context.Background(), query, row...); err != nil {
			return fmt.Errorf("%s: %w", what, err)
		}
	}
	return nil
}

// drop lets go of rows that are written, or whose transaction is lost.
func (in *inserts) drop() {
	clear(in.bodies) // they are large
	in.bodies, in.messages, in.rows = in.bodies[:0], in.messages[:0], 0
}

// committed is to be called after a commit.
func (in *inserts) committed() { in.apart = false }

// lost is to be called after a transaction that was lost. It reports whether all of it is to be run again, to find out by which
// operation it was.
func (in *inserts) lost() (again bool) {
	in.drop()
	in.apart, in.failed = in.unclear(), false
	return in.apart
}

// unclear reports whether rows could not be written, and it is not known whose.
func (in *inserts) unclear() bool { return in.failed && !in.apart }
