// The command golang-migrate takes an SQLite database to a version, up or down, with golang-migrate's own
// code:
//
//	golang-migrate DIRECTORY DATABASE VERSION
//
// It is what `migrate goto` of the command line of golang-migrate does, without its drivers for thirty
// databases.
package main

import (
	"errors"
	"fmt"
	"os"
	"strconv"

	"github.com/golang-migrate/migrate/v4"
	_ "github.com/golang-migrate/migrate/v4/database/sqlite3"
	_ "github.com/golang-migrate/migrate/v4/source/file"
)

func main() {
	if err := goTo(os.Args[1], os.Args[2], os.Args[3]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func goTo(directory, database, version string) error {
	number, err := strconv.ParseUint(version, 10, 64)
	if err != nil {
		return err
	}
	migrations, err := migrate.New("file://"+directory, "sqlite3://"+database)
	if err != nil {
		return err
	}
	err = migrations.Migrate(uint(number))
	if errors.Is(err, migrate.ErrNoChange) {
		err = nil
	}
	closeSource, closeDatabase := migrations.Close()
	return errors.Join(err, closeSource, closeDatabase)
}
