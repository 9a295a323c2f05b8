package sqlstore

import (
	"bytes"
	"context"
	"database/sql"
	"fmt"
)

// treePages are what the first page of a table or an index begins with.
var treePages = []byte{0x02, 0x05, 0x0a, 0x0d}

// checkTrees looks at the first page of each table and index, some twenty, so that a file of which a large part is damaged does not
// come into use. Damage further in is found by who reads it: looking for it now (PRAGMA quick_check) takes some ten
// seconds for each gigabyte, in which nobody could post.
func (f *sqliteFile) checkTrees(ctx context.Context) error {
	rows, err := f.conn.QueryContext(ctx, `
SELECT s.name, substr(p.data, 1, 1) FROM sqlite_schema s LEFT JOIN sqlite_dbpage p ON p.pgno = s.rootpage WHERE s.rootpage > 0`)
	if err != nil {
		return fmt.Errorf("read the schema: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var name string
		var kind sql.RawBytes
		if err := rows.Scan(&name, &kind); err != nil {
			return fmt.Errorf("look at the first pages: %w", err)
		}
		if len(kind) != 1 || !bytes.Contains(treePages, kind) {
			return fmt.Errorf("the first page of %s is none: %w", name, errDamaged)
		}
	}
	return rows.Err()
}
