package enginetest

import (
	"database/sql"
	"errors"
	"fmt"
	"net/url"

	"modernc.org/sqlite"
)

// schemaVersion changes with the schema. A folder of another version is refused, not guessed at.
const schemaVersion = 1

// schema is what the Engine remembers. Times are Unix seconds. Host names compare without case.
const schema = `
CREATE TABLE codes (
	code TEXT PRIMARY KEY, install INTEGER NOT NULL, site TEXT NOT NULL,
	expires_at INTEGER NOT NULL, max_uses INTEGER NOT NULL, use_count INTEGER NOT NULL DEFAULT 0, used_by TEXT NOT NULL DEFAULT '');
CREATE TABLE approvals (
	reference TEXT PRIMARY KEY, status TEXT NOT NULL, hostname TEXT NOT NULL, code TEXT NOT NULL,
	public_key BLOB NOT NULL, fingerprint TEXT NOT NULL, client_nonce TEXT NOT NULL, server_nonce TEXT NOT NULL,
	guid TEXT NOT NULL DEFAULT '', requested_at INTEGER NOT NULL);
CREATE UNIQUE INDEX one_pending ON approvals (fingerprint) WHERE status = 'pending';
CREATE TABLE devices (
	guid TEXT PRIMARY KEY, hostname TEXT NOT NULL UNIQUE COLLATE NOCASE, fingerprint TEXT NOT NULL,
	token_version INTEGER NOT NULL DEFAULT 1, status TEXT NOT NULL DEFAULT 'active', agent_id TEXT NOT NULL DEFAULT '',
	agent_hash TEXT, last_seen INTEGER NOT NULL, facts TEXT NOT NULL DEFAULT '{}', details TEXT NOT NULL DEFAULT '{}');
CREATE TABLE purged (guid TEXT PRIMARY KEY);
CREATE TABLE refresh_tokens (
	hash TEXT PRIMARY KEY, guid TEXT NOT NULL, expires_at INTEGER NOT NULL, revoked INTEGER NOT NULL DEFAULT 0);
CREATE TABLE jobs (
	id INTEGER PRIMARY KEY AUTOINCREMENT, hostname TEXT NOT NULL, name TEXT NOT NULL, type TEXT NOT NULL,
	status TEXT NOT NULL, sent_at INTEGER NOT NULL);
CREATE TABLE results (
	seq INTEGER PRIMARY KEY AUTOINCREMENT, job_id INTEGER NOT NULL, status TEXT NOT NULL,
	stdout TEXT NOT NULL, stderr TEXT NOT NULL, context TEXT NOT NULL, at INTEGER NOT NULL);
CREATE INDEX results_of_job ON results (job_id);
`

// The ways in which a state folder cannot be used.
var (
	ErrInUse   = errors.New("another Engine uses this folder")
	ErrVersion = errors.New("another version of the Engine made this folder")
)

// sqliteBusy is SQLITE_BUSY, the primary result code for a file that another connection holds.
const sqliteBusy = 5

// store is the database. It has one connection, which makes its transactions serial and holds the file's lock for as
// long as the Engine lives.
type store struct{ db *sql.DB }

func openStore(s state) (*store, error) {
	name := ":memory:"
	if s.dir != "" {
		if err := s.touch(fileDatabase); err != nil {
			return nil, err
		}
		file := url.URL{Scheme: "file", Opaque: (&url.URL{Path: s.path(fileDatabase)}).EscapedPath()}
		name = file.String() + "?_pragma=locking_mode(exclusive)&_pragma=journal_mode(wal)&_pragma=synchronous(normal)"
	}
	db, err := sql.Open("sqlite", name)
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(1)
	db.SetMaxIdleConns(1)
	if err := prepare(db); err != nil {
		db.Close()
		return nil, fmt.Errorf("%q: %w", s.dir, locked(err))
	}
	return &store{db: db}, nil
}

// prepare takes the file's lock and makes the tables of a new one.
func prepare(db *sql.DB) error {
	// In exclusive mode the lock of the first transaction that takes one stays until the end.
	if _, err := db.Exec(`BEGIN EXCLUSIVE; COMMIT`); err != nil {
		return err
	}
	var version int
	if err := db.QueryRow(`PRAGMA user_version`).Scan(&version); err != nil {
		return err
	}
	switch version {
	case 0:
		_, err := db.Exec(fmt.Sprintf(`BEGIN; %s PRAGMA user_version = %d; COMMIT`, schema, schemaVersion))
		return err
	case schemaVersion:
		return nil
	}
	return ErrVersion
}

// tx runs f in a transaction, which holds only if f returns no error.
func (s *store) tx(f func(*sql.Tx) error) error {
	tx, err := s.db.Begin()
	if err != nil {
		return err
	}
	defer tx.Rollback() // after Commit it does nothing
	if err := f(tx); err != nil {
		return err
	}
	return tx.Commit()
}

// exists tells whether the query gives a row.
func exists(tx *sql.Tx, query string, args ...any) (bool, error) {
	var one int
	err := tx.QueryRow(query, args...).Scan(&one)
	if errors.Is(err, sql.ErrNoRows) {
		return false, nil
	}
	return err == nil, err
}

// locked turns the database's own word for a held file into ErrInUse.
func locked(err error) error {
	var trouble *sqlite.Error
	if errors.As(err, &trouble) && trouble.Code()&0xff == sqliteBusy {
		return ErrInUse
	}
	return err
}
