package supervisor_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/gwe-project/gwe/engine/value"
	"github.com/gwe-project/gwe/steps/steptest/attack"
	"github.com/gwe-project/gwe/steps/supervisor"
)

func TestConfUnderAttack(t *testing.T) {
	for name, old := range map[string]bool{"new": false, "replaced": true} {
		t.Run(name, func(t *testing.T) {
			attack.Run(t, attack.Case{
				Type: supervisor.Conf(), Parents: []string{"."}, Leaves: []string{"app.conf"},
				Arrange: func(t testing.TB, work, root string) map[string]any {
					err := os.WriteFile(filepath.Join(root, "supervisor.conf"), []byte("[supervisord]\ncommand=/bin/app\n"), 0o644)
					if old {
						err = errors.Join(err, os.WriteFile(filepath.Join(work, "app.conf"), []byte("old"), 0o640))
					}
					if err != nil {
						t.Fatal(err)
					}
					arguments, err := value.Convert(supervisor.Conf().Arguments(), map[string]any{
						"app": "app", "from": filepath.Join(root, "supervisor.conf"), "into": work,
						"server": "unix://" + root + "/none", "attempts": 1,
					})
					if err != nil {
						t.Fatal(err)
					}
					return arguments.(map[string]any)
				},
			})
		})
	}
}
