package sqlstore

import (
	"context"
	"database/sql"
	"fmt"
	"sync"
)

// prepared are the statements that a connection, or a pool of them, was asked to run, prepared once each. It is safe
// for concurrent use if what it prepares on is.
type prepared struct {
	on interface {
		PrepareContext(ctx context.Context, query string) (*sql.Stmt, error)
	}

	mu    sync.RWMutex // guards stmts
	stmts map[string]*sql.Stmt
}

func (p *prepared) get(ctx context.Context, query string) (*sql.Stmt, error) {
	p.mu.RLock()
	s := p.stmts[query]
	p.mu.RUnlock()
	if s != nil {
		return s, nil
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if s := p.stmts[query]; s != nil {
		return s, nil
	}
	s, err := p.on.PrepareContext(ctx, query)
	if err != nil {
		return nil, fmt.Errorf("prepare a statement: %w", err)
	}
	if p.stmts == nil {
		p.stmts = map[string]*sql.Stmt{}
	}
	p.stmts[query] = s
	return s, nil
}

// query calls row for each row.
func (p *prepared) query(ctx context.Context, query string, row func(*sql.Rows) error, args ...any) error {
	s, err := p.get(ctx, query)
	if err != nil {
		return err
	}
	rows, err := s.QueryContext(ctx, args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		if err := row(rows); err != nil {
			return err
		}
	}
	return rows.Err()
}

// exec gives the number of rows that were changed.
func (p *prepared) exec(ctx context.Context, query string, args ...any) (int64, error) {
	s, err := p.get(ctx, query)
	if err != nil {
		return 0, err
	}
	result, err := s.ExecContext(ctx, args...)
	if err != nil {
		return 0, err
	}
	return result.RowsAffected()
}

func (p *prepared) close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, s := range p.stmts {
		_ = s.Close() // the connection ends next
	}
	p.stmts = nil
}

// into scans each row into the same places, for queries that give at most one.
func into(found *bool, places ...any) func(*sql.Rows) error {
	return func(rows *sql.Rows) error {
		*found = true
		return rows.Scan(places...)
	}
}
