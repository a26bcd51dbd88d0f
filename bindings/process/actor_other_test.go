//go:build !windows

package process

const partVariable = "BOREALIS_PROCESS_TEST_PART"

// play has no parts here: there are programs enough.
func play(string) {}
