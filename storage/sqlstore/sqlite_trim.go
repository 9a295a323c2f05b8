package sqlstore

import (
	"context"
	"fmt"
	"os"
)

// walKept is how long the log beside a file may stay. It comes to about half of that by itself ([sqliteLog]), a batch
// more, and beyond it where somebody reads for long, such as a backup.
const walKept = 16 << 20

// trim brings the log home, and so the file to its length, and then empties the log: SQLite itself does the one at the next
// thousand pages that are written, which may be tomorrow, and never the other. It has a connection of its own, beside the writer
// and the readers: it waits for nobody, and what is in its way today it does at the next call.
func (f *sqliteFile) trim(ctx context.Context) error {
	long, err := f.longer(ctx)
	if !long || err != nil {
		return err
	}
	conn, err := f.db.Conn(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	for _, p := range []string{
		"busy_timeout = 0",
		"wal_checkpoint(PASSIVE)",  // the work: beside it others write
		"wal_checkpoint(TRUNCATE)", // with next to nothing left to do: others wait for it
	} {
		if _, err := conn.ExecContext(ctx, "PRAGMA "+p); err != nil {
			return fmt.Errorf("empty the log: %w", err)
		}
	}
	return nil
}

// longer reports whether the file is longer than the database is, or the log than it may stay.
func (f *sqliteFile) longer(ctx context.Context) (bool, error) {
	if size(f.path+"-wal") > walKept {
		return true, nil
	}
	info, err := os.Stat(f.path)
	if err != nil {
		return false, fmt.Errorf("look at the file: %w", err)
	}
	var pages, pageSize int64
	row := f.readers.QueryRowContext(ctx, "SELECT page_count, page_size FROM pragma_page_count, pragma_page_size")
	if err := row.Scan(&pages, &pageSize); err != nil {
		return false, fmt.Errorf("count pages: %w", err)
	}
	return info.Size() > pages*pageSize, nil
}
