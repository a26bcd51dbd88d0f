package enginetest

import (
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
)

// ErrNoDevice means that the Engine knows no such device.
var ErrNoDevice = errors.New("no such device")

// Devices lists the devices that completed their enrollment, by host name. An Engine whose database does not answer,
// such as a closed one, knows none and says why in its log; so do Pending, Details and Results.
func (e *Engine) Devices() []Device { return orLogged(e, e.listDevices) }

func (e *Engine) listDevices() ([]Device, error) {
	rows, err := e.store.db.Query(`SELECT ` + deviceColumns + ` FROM devices ORDER BY hostname`)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	list := []Device{}
	for rows.Next() {
		d, err := scanDevice(rows)
		if err != nil {
			return nil, err
		}
		list = append(list, e.hub.mark(d.public(e.now())))
	}
	return list, rows.Err()
}

// orLogged serves the reading calls that tests use in the middle of a sentence and that therefore return no error.
func orLogged[T any](e *Engine, read func() (T, error)) T {
	v, err := read()
	if err != nil {
		e.log.Error("read from the database", "error", err)
	}
	return v
}

// Details gives the merged record of what a device reported with details and heartbeats, nil when there is none.
func (e *Engine) Details(guid string) json.RawMessage {
	return orLogged(e, func() (text json.RawMessage, err error) {
		err = e.store.db.QueryRow(`SELECT details FROM devices WHERE guid = ?`, guid).Scan((*[]byte)(&text))
		if errors.Is(err, sql.ErrNoRows) {
			return nil, nil
		}
		return text, err
	})
}

// SetStatus sets a device's status: StatusActive, StatusRevoked, StatusDecommissioned, or any other word, which
// quarantines it.
func (e *Engine) SetStatus(guid, status string) error {
	return e.changeDevice(guid, func(tx *sql.Tx) error {
		_, err := tx.Exec(`UPDATE devices SET status = ? WHERE guid = ?`, status, guid)
		return err
	})
}

// RevokeTokens makes all tokens of a device worthless: the access tokens by version, the refresh tokens by name.
func (e *Engine) RevokeTokens(guid string) error {
	return e.changeDevice(guid, func(tx *sql.Tx) error {
		if _, err := tx.Exec(`UPDATE devices SET token_version = token_version + 1 WHERE guid = ?`, guid); err != nil {
			return err
		}
		return revokeTokens(tx, guid)
	})
}

// Forget loses a device's row. Its tokens stay: the next call with a valid one recovers the device under another name.
func (e *Engine) Forget(guid string) error {
	return e.changeDevice(guid, func(tx *sql.Tx) error {
		_, err := tx.Exec(`DELETE FROM devices WHERE guid = ?`, guid)
		return err
	})
}

// Purge loses a device for good: its row and tokens are gone and no token recovers it.
func (e *Engine) Purge(guid string) error {
	return e.changeDevice(guid, func(tx *sql.Tx) error {
		for _, q := range []string{
			`DELETE FROM devices WHERE guid = ?`, `DELETE FROM refresh_tokens WHERE guid = ?`, `INSERT INTO purged VALUES (?)`,
		} {
			if _, err := tx.Exec(q, guid); err != nil {
				return err
			}
		}
		return nil
	})
}

// changeDevice runs f on a device that exists.
func (e *Engine) changeDevice(guid string, f func(*sql.Tx) error) error {
	err := e.store.tx(func(tx *sql.Tx) error {
		d, err := findDevice(tx, `guid = ?`, guid)
		if err != nil {
			return err
		}
		if d == nil {
			return fmt.Errorf("%q: %w", guid, ErrNoDevice)
		}
		return f(tx)
	})
	e.changed.fire()
	return err
}
