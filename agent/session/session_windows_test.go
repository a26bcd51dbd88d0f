package session

import (
	"os"
	"testing"
)

func TestWhoIsLoggedInToWindows(t *testing.T) {
	all, err := Machine{}.Sessions(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	s, ok := Choose(all, Session{})
	if !ok || s.ID == "0" || s.User == "" || !s.Active {
		t.Errorf("the session of %q is not there: %+v", os.Getenv("USERNAME"), all)
	}
}
