package enginetest

import "os"

// AtLength is n where the tests run as long as docs/reliability.md tells (BOREALIS_LONG is set), else a sample of it.
func AtLength(n, sample int) int {
	if os.Getenv("BOREALIS_LONG") != "" {
		return n
	}
	return sample
}
