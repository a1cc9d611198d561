module github.com/gwe-project/gwe/steps/migration/testdata/golang-migrate

go 1.26

require github.com/golang-migrate/migrate/v4 v4.18.3

require (
	github.com/hashicorp/errwrap v1.1.0 // indirect
	github.com/hashicorp/go-multierror v1.1.1 // indirect
	github.com/mattn/go-sqlite3 v1.14.22 // indirect
	go.uber.org/atomic v1.7.0 // indirect
)
