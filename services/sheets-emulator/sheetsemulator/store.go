package sheetsemulator

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"sync"
	"time"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

const (
	fileName   = "sheets.db"
	lockName   = "sheets.lock"
	dataFormat = 1 // PRAGMA user_version; a newer file is refused

	readers     = 8                // connections that read; there is one that writes
	busyTimeout = 10 * time.Second // only checkpoints make one connection wait for another
)

// tables is the layout of the data file. A row of a tab is one record, its cells a JSON array, so that appending
// touches only what is appended. tabs.filled counts the rows up to the last one with a value: appendCells writes
// there without looking at a single row.
const tables = `
CREATE TABLE spreadsheets (
	id      TEXT PRIMARY KEY,
	title   TEXT NOT NULL,
	changes INTEGER NOT NULL DEFAULT 0
) STRICT;

CREATE TABLE tabs (
	key            INTEGER PRIMARY KEY AUTOINCREMENT,
	spreadsheet    TEXT NOT NULL REFERENCES spreadsheets (id),
	id             INTEGER NOT NULL,
	title          TEXT NOT NULL,
	position       INTEGER NOT NULL,
	hidden         INTEGER NOT NULL,
	rows           INTEGER NOT NULL,
	columns        INTEGER NOT NULL,
	frozen_rows    INTEGER NOT NULL,
	frozen_columns INTEGER NOT NULL,
	filled         INTEGER NOT NULL,
	UNIQUE (spreadsheet, id)
) STRICT;

CREATE TABLE rows (
	tab   INTEGER NOT NULL,
	row   INTEGER NOT NULL,
	width INTEGER NOT NULL,
	cells TEXT NOT NULL,
	PRIMARY KEY (tab, row)
) STRICT, WITHOUT ROWID;

CREATE TABLE metadata (
	spreadsheet TEXT NOT NULL,
	id          INTEGER NOT NULL,
	key         TEXT NOT NULL,
	value       TEXT NOT NULL,
	visibility  TEXT NOT NULL,
	location    TEXT NOT NULL,
	tab         INTEGER NOT NULL,
	position    INTEGER NOT NULL,
	chars       INTEGER NOT NULL,
	PRIMARY KEY (spreadsheet, id)
) STRICT, WITHOUT ROWID;
CREATE INDEX metadata_by_tab ON metadata (spreadsheet, tab, chars);

CREATE TABLE journal (
	seq         INTEGER PRIMARY KEY AUTOINCREMENT,
	spreadsheet TEXT NOT NULL,
	time        INTEGER NOT NULL,
	total       INTEGER NOT NULL,
	requests    TEXT NOT NULL,
	writes      TEXT NOT NULL
) STRICT;
CREATE INDEX journal_by_spreadsheet ON journal (spreadsheet, seq);
CREATE INDEX journal_by_total ON journal (total);
`

// StoreOptions are the settings of a Store.
type StoreOptions struct {
	JournalKeep int // newest journal entries to keep; 0 is 10,000
}

// Store keeps spreadsheets in a SQLite file. It is safe for concurrent use; writes go one after another.
type Store struct {
	write       *sql.DB
	read        *sql.DB
	lock        *sql.DB
	journalKeep int
	closed      chan struct{}
	closing     sync.Once
	closeErr    error
}

// OpenStore opens, or makes, the data file in the folder dir and locks the folder against other processes. It
// refuses a folder in use, and a file that a newer version wrote.
func OpenStore(ctx context.Context, dir string, opts StoreOptions) (*Store, error) {
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return nil, fmt.Errorf("make data folder: %w", err)
	}
	s := &Store{journalKeep: opts.JournalKeep, closed: make(chan struct{})}
	if s.journalKeep == 0 {
		s.journalKeep = defaultJournalKeep
	}
	if err := s.open(ctx, dir); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

func (s *Store) open(ctx context.Context, dir string) (err error) {
	if s.lock, err = lockFolder(ctx, dir); err != nil {
		return err
	}
	path := filepath.Join(dir, fileName)
	if s.write, err = openFile(path, 1, "_txlock=immediate"); err != nil {
		return err
	}
	if s.read, err = openFile(path, readers, "_pragma=query_only(1)"); err != nil {
		return err
	}
	if err := s.migrate(ctx, path); err != nil {
		return fmt.Errorf("open %s: %w", path, err)
	}
	return nil
}

// openFile opens a pool of connections. Every one of them syncs each commit to the disk before it returns.
func openFile(path string, connections int, settings string) (*sql.DB, error) {
	absolute, err := filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("find %s: %w", path, err)
	}
	dsn := url.URL{Scheme: "file", Path: filepath.ToSlash(absolute)}
	dsn.RawQuery = fmt.Sprintf("_pragma=busy_timeout(%d)&_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)&%s",
		busyTimeout.Milliseconds(), settings)
	db, err := sql.Open("sqlite", dsn.String())
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", path, err)
	}
	db.SetMaxOpenConns(connections)
	db.SetMaxIdleConns(connections)
	return db, nil
}

// lockFolder holds a SQLite lock on a file of its own for as long as the returned database is open: the operating
// system gives it back when the process ends, however it ends.
func lockFolder(ctx context.Context, dir string) (*sql.DB, error) {
	absolute, err := filepath.Abs(filepath.Join(dir, lockName))
	if err != nil {
		return nil, fmt.Errorf("find data folder: %w", err)
	}
	dsn := url.URL{Scheme: "file", Path: filepath.ToSlash(absolute), RawQuery: "_pragma=locking_mode(EXCLUSIVE)&_pragma=journal_mode(MEMORY)"}
	db, err := sql.Open("sqlite", dsn.String())
	if err != nil {
		return nil, fmt.Errorf("lock data folder: %w", err)
	}
	db.SetMaxOpenConns(1)
	if _, err = db.ExecContext(ctx, "BEGIN EXCLUSIVE"); err == nil {
		return db, nil
	}
	_ = db.Close() // the error that counts is the one before
	var busy *sqlite.Error
	if errors.As(err, &busy) && busy.Code()&0xff == sqlite3.SQLITE_BUSY {
		return nil, fmt.Errorf("data folder %s is in use by another process: end that one, or choose another folder", dir)
	}
	return nil, fmt.Errorf("lock data folder %s: %w", dir, err)
}

func (s *Store) migrate(ctx context.Context, path string) error {
	return s.inWrite(ctx, func(tx *sql.Tx) error {
		var format int
		if err := tx.QueryRowContext(ctx, "PRAGMA user_version").Scan(&format); err != nil {
			return fmt.Errorf("read data format: %w", err)
		}
		switch {
		case format > dataFormat:
			return fmt.Errorf("its data format is %d and this version knows %d: use the newer version that wrote it, or another data folder", format, dataFormat)
		case format == dataFormat:
			return nil
		}
		if _, err := tx.ExecContext(ctx, tables); err != nil {
			return fmt.Errorf("make tables: %w", err)
		}
		if _, err := tx.ExecContext(ctx, fmt.Sprintf("PRAGMA user_version = %d", dataFormat)); err != nil {
			return fmt.Errorf("write data format: %w", err)
		}
		return nil
	})
}

// Close ends all connections and gives the folder free. Requests under way fail.
func (s *Store) Close() error {
	s.closing.Do(func() {
		close(s.closed)
		var errs []error
		for _, db := range []*sql.DB{s.read, s.write, s.lock} { // the lock last: until then the file is ours
			if db != nil {
				errs = append(errs, db.Close())
			}
		}
		s.closeErr = errors.Join(errs...)
	})
	return s.closeErr
}

// Ping tells whether the file can be read.
func (s *Store) Ping(ctx context.Context) error {
	var one int
	if err := s.read.QueryRowContext(ctx, "SELECT count(*) FROM spreadsheets LIMIT 1").Scan(&one); err != nil {
		return fmt.Errorf("read data file: %w", err)
	}
	return nil
}

// inWrite runs fn in a transaction that is on the disk when inWrite returns nil, and undone when it returns an error.
func (s *Store) inWrite(ctx context.Context, fn func(*sql.Tx) error) error {
	tx, err := s.write.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("begin: %w", err)
	}
	defer func() { _ = tx.Rollback() }() // does nothing after a commit
	if err := fn(tx); err != nil {
		return err
	}
	if err := tx.Commit(); err != nil {
		return fmt.Errorf("commit: %w", err)
	}
	return nil
}

// inRead runs fn on one unchanging view of the data.
func (s *Store) inRead(ctx context.Context, fn func(*sql.Tx) error) error {
	tx, err := s.read.BeginTx(ctx, &sql.TxOptions{ReadOnly: true})
	if err != nil {
		return fmt.Errorf("begin: %w", err)
	}
	defer func() { _ = tx.Rollback() }() // nothing was written
	return fn(tx)
}

// maxIDLen is longer than any id of Google's.
const maxIDLen = 128

// CreateSpreadsheet makes a spreadsheet with the given id (letters, digits, - and _; at most 128), its title the
// id, with one empty tab "Sheet1" of 1000 rows and 26 columns. One that exists already stays as it is.
func (s *Store) CreateSpreadsheet(ctx context.Context, id string) error {
	if !isSpreadsheetID(id) {
		return fmt.Errorf("create spreadsheet %q: an id has 1 to %d letters, digits, - and _", id, maxIDLen)
	}
	return s.inWrite(ctx, func(tx *sql.Tx) error {
		res, err := tx.ExecContext(ctx, "INSERT INTO spreadsheets (id, title) VALUES (?, ?) ON CONFLICT DO NOTHING", id, id)
		if err != nil {
			return fmt.Errorf("create spreadsheet: %w", err)
		}
		if made, err := res.RowsAffected(); err != nil || made == 0 {
			return err
		}
		return insertTab(ctx, tx, id, &tab{title: "Sheet1", rows: defaultRows, columns: defaultColumns})
	})
}

func isSpreadsheetID(id string) bool {
	for i := range len(id) {
		if b := id[i]; !isLetter(b) && !isDigit(b) && b != '-' && b != '_' {
			return false
		}
	}
	return id != "" && len(id) <= maxIDLen
}
