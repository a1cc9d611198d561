package steps

import (
	"github.com/gwe-project/gwe/engine/step"
	"github.com/gwe-project/gwe/steps/archive"
	"github.com/gwe-project/gwe/steps/check"
	"github.com/gwe-project/gwe/steps/command"
	"github.com/gwe-project/gwe/steps/file"
	"github.com/gwe-project/gwe/steps/migration"
	"github.com/gwe-project/gwe/steps/release"
	"github.com/gwe-project/gwe/steps/signature"
	"github.com/gwe-project/gwe/steps/supervisor"
	"github.com/gwe-project/gwe/steps/transfer"
)

// Catalog is every step type, in the order of `gwe steps`.
func Catalog() step.Catalog {
	return step.Catalog{
		release.ReadLink(),
		signature.Verify(),
		archive.Unpack(),
		archive.Extract(),
		transfer.Rsync(),
		transfer.Download(),
		release.SwapLink(),
		command.Hook(),
		command.Run(),
		release.Prune(),
		release.Failsafe(),
		release.FindFallback(),
		release.LinkTree(),
		migration.Rollback(),
		supervisor.Supervisor(),
		supervisor.Conf(),
		file.Write(),
		file.Template(),
		file.Copy(),
		file.Move(),
		file.Remove(),
		file.Mkdir(),
		file.Symlink(),
		file.Chmod(),
		check.Assert(),
		check.Checksum(),
		check.DiskSpace(),
		check.WaitFor(),
	}
}
