package broker

import (
	"context"
	"errors"
	"fmt"

	"github.com/marconi-mq/marconi"
)

// Join brings a control store and a data store together, before a broker works with them. Data belongs to one control
// store, whose queues tell its messages from those of deleted queues: with another it is ErrForeignData, and ErrForeignPart if
// not even what the data is in belongs together. adopt ties the data to this control store for good, and makes a queue for
// all data of queues that this control store doesn't have. It reports how many queues it made.
func Join(ctx context.Context, control marconi.ControlStore, data marconi.DataStore, adopt bool) (adopted int, err error) {
	id, err := control.ID(ctx)
	if err != nil {
		return 0, fmt.Errorf("ask the control store's id: %w", err)
	}
	err = data.Bind(ctx, id, false)
	foreign := errors.Is(err, marconi.ErrForeignData) || errors.Is(err, marconi.ErrForeignPart)
	if !foreign || !adopt {
		return 0, wrap("bind the data to the control store", err)
	}
	queues, err := data.Queues(ctx)
	if err != nil {
		return 0, fmt.Errorf("list the queues that hold data: %w", err)
	}
	for _, q := range queues {
		made, err := control.AdoptQueue(ctx, q)
		if err != nil {
			return adopted, fmt.Errorf("adopt queue %s: %w", q.Name, err)
		}
		if made {
			adopted++
		}
	}
	// Bound last: what ends before this is started anew.
	return adopted, wrap("bind the data to the control store", data.Bind(ctx, id, true))
}

func wrap(doing string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", doing, err)
}
