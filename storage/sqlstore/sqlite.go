package sqlstore

import (
	"context"
	"crypto/rand"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"runtime"
	"sync"

	"github.com/pressly/goose/v3"
	"modernc.org/sqlite"

	"github.com/marconi-mq/marconi"
	"github.com/marconi-mq/marconi/internal/wake"
	"github.com/marconi-mq/marconi/storage"
)

func sqliteDialect() dialect {
	return dialect{goose: goose.DialectSQLite3, folder: "sqlite", statements: sqliteStatements()}
}

// OpenSQLite opens a database file, or makes it, both planes in one: see the package's comment for the URI. It is a
// [storage.Driver]. The file is this process's alone until both planes are closed.
func OpenSQLite(ctx context.Context, uri string, o storage.Options) (storage.Opened, error) {
	place, err := parseSQLiteURI(uri)
	if err != nil {
		return storage.Opened{}, fmt.Errorf("open %s: %w", redacted(uri), err)
	}
	opened, err := openSQLite(ctx, place.inNamespace(o.Namespace), o.WithDefaults())
	if err != nil {
		return storage.Opened{}, fmt.Errorf("open %s: %w", redacted(uri), err)
	}
	return opened, nil
}

func openSQLite(ctx context.Context, place sqlitePlace, o storage.Options) (storage.Opened, error) {
	f, err := openSQLiteFile(ctx, place)
	if err != nil {
		return storage.Opened{}, explainSQLite(place.path, err)
	}
	db := &database{
		sql:   f.dialect.statements,
		name:  nameOf(f.path),
		now:   o.Now,
		meter: o.Meter,
		errs:  func(err error) error { return explainSQLite(f.path, err) },
		open:  2,
	}
	data := &dataStore{
		plane: plane{database: db}, durable: f.durable(),
		ended: make(chan struct{}), slow: make(chan struct{}, 1), collecting: make(chan struct{}, 1),
	}
	data.hub = wake.New(o.Now, data.endings)
	control := &controlStore{plane: plane{database: db}}

	e := newSQLiteEngine(f, data, o)
	db.engine = e
	if control.id, err = e.begin(); err != nil {
		return storage.Opened{}, errors.Join(explainSQLite(place.path, err), f.close())
	}
	e.run()
	background, stop := context.WithCancel(context.Background())
	data.stop = stop
	go data.collectNowAndThen(background)
	return storage.Opened{Data: data, Control: control, Alone: true}, nil
}

// A sqliteFile is an open database with the connections to it.
type sqliteFile struct {
	sqlitePlace
	dialect dialect
	lock    *os.File // nil: memory
	db      *sql.DB  // of conn
	conn    *sql.Conn
	readers *sql.DB
}

// durable reports whether what was confirmed survives a power cut.
func (f *sqliteFile) durable() bool { return f.path != "" && f.options.synchronous == "FULL" }

func openSQLiteFile(ctx context.Context, place sqlitePlace) (f *sqliteFile, err error) {
	f = &sqliteFile{sqlitePlace: place, dialect: sqliteDialect()}
	isNew := true
	if f.path != "" {
		if f.path, err = realPath(f.path); err != nil {
			return nil, err
		}
		if isNew, err = checkSQLiteFile(f.path); err != nil {
			return nil, err
		}
		if f.lock, err = lockFile(f.path); err != nil {
			return nil, err
		}
	}
	if err := f.connect(ctx, isNew); err != nil {
		return nil, errors.Join(err, f.close())
	}
	return f, nil
}

// connect opens the connections: one that writes, and, when the schema is as it should be, those that read.
func (f *sqliteFile) connect(ctx context.Context, isNew bool) (err error) {
	name := "marconi-" + rand.Text()
	if f.db, err = openPool(f.source(name), 2); err != nil { // the second is for the migration
		return err
	}
	if f.conn, err = f.db.Conn(ctx); err != nil {
		return err
	}
	if err := f.configure(ctx, isNew); err != nil {
		return err
	}
	if err := f.checkTrees(ctx); err != nil {
		return err
	}
	if err := f.dialect.migrate(ctx, f.db); err != nil {
		return err
	}
	options := []string{"_pragma=query_only(1)", "_pragma=cell_size_check(1)", "_pragma=temp_store(2)",
		fmt.Sprintf("_busy_timeout=%d", f.options.busyTimeout), fmt.Sprintf("_pragma=mmap_size(%d)", f.options.mmap)}
	f.readers, err = openPool(f.source(name, options...), runtime.GOMAXPROCS(0))
	return err
}

func openPool(source string, connections int) (*sql.DB, error) {
	connector, err := sqlite.NewConnector(source)
	if err != nil {
		return nil, err
	}
	db := sql.OpenDB(connector)
	db.SetMaxOpenConns(connections)
	db.SetMaxIdleConns(connections)
	return db, nil
}

// configure sets up the writing connection.
func (f *sqliteFile) configure(ctx context.Context, isNew bool) error {
	if err := f.pragmas(ctx, fmt.Sprintf("busy_timeout = %d", f.options.busyTimeout)); err != nil {
		return err
	}
	if isNew {
		if err := f.found(ctx); err != nil {
			return err
		}
	}
	if err := f.setJournal(ctx); err != nil {
		return err
	}
	return f.pragmas(ctx,
		"synchronous = "+f.synchronous(),
		"foreign_keys = ON",
		"cell_size_check = ON",
		"temp_store = MEMORY", // what a statement needs to go back
		fmt.Sprintf("mmap_size = %d", f.options.mmap),
		"cache_size = -16384",           // KiB
		"wal_autocheckpoint = 0",        // sqliteLog sees to that
		"journal_size_limit = 67108864", // what the log keeps of a time in which somebody read for long
	)
}

// synced reports whether commits are made safe by [syncs].
func (f *sqliteFile) synced() bool { return f.durable() && f.options.groupCommit }

// synchronous is what SQLite itself is to sync.
func (f *sqliteFile) synchronous() string {
	if f.synced() {
		return "NORMAL"
	}
	return f.options.synchronous
}

// found writes into a new file what it will have for good, which has to be done before the first table is made.
func (f *sqliteFile) found(ctx context.Context) error {
	if err := f.pragmas(ctx, "auto_vacuum = INCREMENTAL", fmt.Sprintf("application_id = %d", applicationID)); err != nil {
		return err
	}
	const incremental = 2
	var mode int
	if err := f.conn.QueryRowContext(ctx, "PRAGMA auto_vacuum").Scan(&mode); err != nil {
		return fmt.Errorf("read the mode of vacuum: %w", err)
	}
	if mode == incremental {
		return nil
	}
	// The file has pages already, if nothing in them.
	if _, err := f.conn.ExecContext(ctx, "VACUUM"); err != nil {
		return fmt.Errorf("set the mode of vacuum: %w", err)
	}
	return nil
}

func (f *sqliteFile) pragmas(ctx context.Context, all ...string) error {
	for _, p := range all {
		if _, err := f.conn.ExecContext(ctx, "PRAGMA "+p); err != nil {
			return fmt.Errorf("set %s: %w", p, err)
		}
	}
	return nil
}

func (f *sqliteFile) setJournal(ctx context.Context) error {
	want := "wal"
	if f.path == "" {
		want = "memory"
	}
	var mode string
	if err := f.conn.QueryRowContext(ctx, "PRAGMA journal_mode = "+want).Scan(&mode); err != nil {
		return fmt.Errorf("set the journal's mode: %w", err)
	}
	if mode != want {
		return errors.New("SQLite can't use its write-ahead log there: put the file on a disk of this machine")
	}
	return nil
}

// close closes what is open: the readers first, so that the writer is last to leave, and tidies the log up.
func (f *sqliteFile) close() error {
	var errs []error
	if f.readers != nil {
		errs = append(errs, f.readers.Close())
	}
	if f.conn != nil {
		errs = append(errs, f.conn.Close())
	}
	if f.db != nil {
		errs = append(errs, f.db.Close())
	}
	if f.lock != nil {
		errs = append(errs, f.lock.Close())
	}
	return errors.Join(errs...)
}

// A sqliteEngine runs reads on a pool of connections and writes through one writer.
type sqliteEngine struct {
	file   *sqliteFile
	reads  *prepared
	writer *writer
	log    *sqliteLog // nil: memory
	// turn is for memory, where SQLite has no write-ahead log and readers would be refused while the writer works.
	turn *sync.RWMutex
}

func newSQLiteEngine(f *sqliteFile, data *dataStore, o storage.Options) *sqliteEngine {
	e := &sqliteEngine{file: f, reads: &prepared{on: f.readers}}
	stmts, texts := &prepared{on: f.conn}, &f.dialect.statements
	e.writer = &writer{
		conn: f.conn, stmts: stmts, sql: texts,
		headers: newHeaders(), numbers: &numbers{}, inserts: &inserts{stmts: stmts, sql: texts}, room: &room{size: f.options.maxBytes},
		now: o.Now, meter: o.Meter, maxBatch: maxBatch, publish: data.publish, turn: func() func() { return func() {} }, after: func() {},
		ops: make(chan *op, maxBatch), commits: make(chan *commit), ended: make(chan struct{}), disk: &fullness{path: f.path, log: o.Logger},
	}
	if f.path != "" {
		e.log = newSQLiteLog(f)
		e.writer.after = e.log.committed
		e.writer.room.disk = func() (int64, error) {
			free, err := freeBytes(f.path)
			return free + size(f.path+"-wal"), err
		}
	}
	if f.synced() {
		e.writer.syncs = &syncs{path: f.path + "-wal", home: e.log.bringHome}
	}
	if !f.options.groupCommit {
		e.writer.maxBatch = 1
	}
	if f.path == "" {
		e.turn = &sync.RWMutex{}
		e.writer.turn = func() func() { e.turn.Lock(); return e.turn.Unlock }
	}
	return e
}

// begin reads what the writer has to know, and gives the control store's ID, which a new database gets.
func (e *sqliteEngine) begin() (control string, err error) {
	t := e.writer.tx()
	if err := e.writer.headers.load(t); err != nil {
		return "", err
	}
	if err := e.writer.numbers.load(t); err != nil {
		return "", err
	}
	e.writer.room.begin()
	if err := e.writer.room.measure(t); err != nil {
		return "", err
	}
	found, err := t.get(t.meta, []any{&control}, metaControl)
	if found || err != nil {
		return control, err
	}
	var raw [16]byte
	rand.Read(raw[:]) // never fails
	control = hex.EncodeToString(raw[:])
	_, err = t.exec(t.setMeta, metaControl, control)
	return control, err
}

// run starts the goroutines, which [sqliteEngine.close] ends.
func (e *sqliteEngine) run() {
	go e.writer.run()
	go e.writer.answer()
	if e.log != nil {
		go e.log.run()
	}
}

func (e *sqliteEngine) write(ctx context.Context, w work) error { return e.writer.write(ctx, w) }

func (e *sqliteEngine) read(ctx context.Context, query string, row func(*sql.Rows) error, args ...any) error {
	if e.turn != nil {
		e.turn.RLock()
		defer e.turn.RUnlock()
	}
	if err := e.reads.query(ctx, query, row, args...); err != nil {
		return err
	}
	return e.writer.syncs.wait(ctx)
}

func (e *sqliteEngine) trim(ctx context.Context) error {
	if e.file.path == "" {
		return nil
	}
	return e.file.trim(ctx)
}

func (e *sqliteEngine) close() error {
	e.writer.close()
	e.writer.syncs.close()
	if e.log != nil {
		e.log.close()
	}
	e.reads.close()
	return e.file.close()
}

var _ marconi.Mover = (*dataStore)(nil)
