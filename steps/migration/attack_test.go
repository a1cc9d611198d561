package migration_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/gwe-project/gwe/steps/migration"
	"github.com/gwe-project/gwe/steps/steptest/attack"
)

// The tool works on a database beside the release in which it runs: that of another release is not touched.
func TestRollbackUnderAttack(t *testing.T) {
	attack.Run(t, attack.Case{
		Type: migration.Rollback(), Remakes: true, Parents: []string{"old"}, Leaves: []string{"old/app", "old/app/migrations/0002_b.sql", "new"},
		Arrange: func(t testing.TB, work, _ string) map[string]any {
			arguments := arrange(t, work, "0001_a 0002_b 0003_c", "0001_a")
			if err := os.Chmod(filepath.Join(work, "db"), 0o755); err != nil {
				t.Fatal(err)
			}
			return attack.Arguments(t, migration.Rollback(), arguments)
		},
	})
}
