package enginetest

import (
	"database/sql"
	"errors"
	"time"
)

// defaultSite is the site that the first start makes a code for. Sites do not show on the agent's wire.
const defaultSite = "Default"

// InstallCode is an enrollment code of the older kind, which ends by date or by use.
type InstallCode struct {
	Code    string // made when empty
	Expires time.Time
	MaxUses int // 0: any number
}

// AddInstallCode adds a code that must match in its exact case. When its uses are up, it still works for the key that
// used it last.
func (e *Engine) AddInstallCode(c InstallCode) (string, error) {
	if c.Code == "" {
		c.Code = newCode()
	}
	_, err := e.store.db.Exec(`INSERT INTO codes (code, install, site, expires_at, max_uses) VALUES (?, 1, ?, ?, ?)`,
		c.Code, defaultSite, c.Expires.Unix(), c.MaxUses)
	return c.Code, err
}

// siteCode gives the lasting code of the default site, and makes it at the first start.
func (s *store) siteCode() (code string, err error) {
	err = s.tx(func(tx *sql.Tx) error {
		err := tx.QueryRow(`SELECT code FROM codes WHERE install = 0 AND site = ?`, defaultSite).Scan(&code)
		if !errors.Is(err, sql.ErrNoRows) {
			return err
		}
		code = newCode()
		_, err = tx.Exec(`INSERT INTO codes (code, install, site, expires_at, max_uses) VALUES (?, 0, ?, 0, 0)`, code, defaultSite)
		return err
	})
	return code, err
}

// codeAdmits tells whether code lets the key enroll: a site code in any case, an install code exactly, in time, unused.
func codeAdmits(tx *sql.Tx, code, fingerprint string, now time.Time) (bool, error) {
	return exists(tx, `SELECT 1 FROM codes WHERE install = 0 AND upper(code) = upper(?1)
		OR install = 1 AND code = ?1 AND expires_at > ?3 AND (max_uses = 0 OR use_count < max_uses OR used_by = ?2)`,
		code, fingerprint, now.Unix())
}

// useCode counts a completed enrollment.
func useCode(tx *sql.Tx, code, fingerprint string) error {
	_, err := tx.Exec(`UPDATE codes SET use_count = use_count + 1, used_by = ?2
		WHERE install = 0 AND upper(code) = upper(?1) OR install = 1 AND code = ?1`, code, fingerprint)
	return err
}
