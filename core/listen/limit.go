package listen

// reserve is how many open files a process needs beside its connections: databases, logs, what it fetches.
const reserve = 128

// mostSensible bounds what is made of a system without a limit of files, below what the HTTP library takes by itself.
const mostSensible = 200_000

// ByFiles gives how many connections fit into a limit of open files, when each of them may be sending a file.
func ByFiles(limit uint64) int {
	if limit <= 4*reserve {
		return int(limit / 2)
	}
	return int(min((limit-reserve)/2, mostSensible))
}
