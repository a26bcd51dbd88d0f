package lockdown

var platformMissing = []string{"no sandbox of the operating system is used on macOS yet"}
