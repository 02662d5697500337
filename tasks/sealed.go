package tasks

import "github.com/packhouse/packhouse/core/secret"

// Sealed is where the arguments of tasks are kept, for the rotation of keys.
func Sealed() secret.Column {
	return secret.Column{Table: "core_tasks", Column: "args", Key: "id", Purpose: purpose}
}

// SealedSchedules is where the arguments of scheduled tasks are kept.
func SealedSchedules() secret.Column {
	return secret.Column{Table: "core_task_schedules", Column: "args", Key: "id", Purpose: purpose}
}
