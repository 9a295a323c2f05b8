package logstore

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/marconi-mq/marconi"
)

// The changes.
const (
	opBegin = "begin"

	opCreateQueue = "create-queue"
	opSetMetadata = "set-metadata"
	opForgetQueue = "forget-queue"

	opPost           = "post"
	opDelete         = "delete"
	opDeleteMessages = "delete-messages"
	opPop            = "pop"
	opClaim          = "claim"
	opUpdateClaim    = "update-claim"
	opRelease        = "release"
	opMoveSpent      = "move-spent"
	opDropQueue      = "drop-queue"
	opPurge          = "purge"
	opBind           = "bind"
)

// A record is a change and the time it was made. Each kind of change uses some of the fields.
type record struct {
	Op string `json:"op"`
	At int64  `json:"at"` // milliseconds since 1970

	Queue    marconi.QueueRef      `json:"queue,omitzero"`
	Metadata string                `json:"metadata,omitempty"`
	Post     *marconi.Post         `json:"post,omitempty"`
	IDs      []marconi.MessageID   `json:"ids,omitempty"`
	Claims   []marconi.ClaimID     `json:"claims,omitempty"`
	Limit    int                   `json:"limit,omitempty"`
	Claim    *marconi.ClaimRequest `json:"claim,omitempty"`
	Lease    marconi.ClaimID       `json:"lease,omitempty"`
	Update   *marconi.ClaimUpdate  `json:"update,omitempty"`
	Letter   *marconi.DeadLetter   `json:"letter,omitempty"`
	ID       string                `json:"id,omitempty"`
	Adopt    bool                  `json:"adopt,omitempty"`
}

// A log is a file of records, a line each.
type log struct{ file *os.File }

// openLog gives each whole record to replay. A last line without its end was not confirmed to anybody: it is cut off.
func openLog(path string, replay func(record) error) (*log, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return nil, err
	}
	size, err := readLog(f, replay)
	if err == nil {
		err = f.Truncate(size)
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return &log{f}, nil
}

func readLog(f *os.File, replay func(record) error) (size int64, err error) {
	in := bufio.NewReader(f)
	for number := 1; ; number++ {
		line, err := in.ReadBytes('\n')
		if errors.Is(err, io.EOF) {
			return size, nil
		}
		if err != nil {
			return 0, err
		}
		var r record
		if err := json.Unmarshal(line, &r); err != nil {
			return 0, fmt.Errorf("line %d is no record of a log: %w", number, err)
		}
		if err := replay(r); err != nil {
			return 0, fmt.Errorf("line %d: %w", number, err)
		}
		size += int64(len(line))
	}
}

func (l *log) append(r record) error {
	line, err := json.Marshal(r)
	if err != nil {
		return fmt.Errorf("write the log: %w", err)
	}
	if _, err := l.file.Write(append(line, '\n')); err != nil {
		return fmt.Errorf("write the log: %w", err)
	}
	if err := l.file.Sync(); err != nil {
		return fmt.Errorf("sync the log: %w", err)
	}
	return nil
}

func (l *log) close() error { return l.file.Close() }
