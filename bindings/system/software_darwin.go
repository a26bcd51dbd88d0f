package system

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
)

// history is macOS's record of what its installer installed.
const history = "Library/Receipts/InstallHistory.plist"

func (m machine) databases() []database { return []database{{[]string{history}, m.receipts}} }

func (m machine) stampMore(io.Writer) {}

func (m machine) receipts(context.Context) ([]installed, error) {
	text, err := m.read(history)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("receipts: %w", err)
	}
	return parseHistory(text)
}
