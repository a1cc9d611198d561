// Package migration holds the step type that takes a database back before an older release comes:
// migration-rollback.
//
// It imports the engine's contracts and leaves. It knows no framework and no database: it compares the names
// of migration files, and runs the command that the recipe gives, which takes the database to a migration.
package migration
