package main

import "io/fs"

// loose is never true: the access lists are the installer's, and the mode bits here say nothing of them.
func loose(string, fs.FileInfo) bool { return false }
