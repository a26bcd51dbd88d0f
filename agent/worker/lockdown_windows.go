package main

var platformMissing = []string{"restricted token: not built yet"}
