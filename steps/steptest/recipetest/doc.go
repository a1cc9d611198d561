// Package recipetest tries a recipe as a machine would see it: it is run; it fails after each of its steps;
// and the real gwe is killed by SIGKILL at every record of its journal, before and behind, and in the middle
// of whatever it does, and recovers. Each time the machine must be as before or as it should be, and the
// journal says which.
//
// It imports the engine, and is imported by tests only. The gwe that is killed is the test binary of cmd/gwe.
//
// Where each shipped recipe is tried so:
//
//	ota                                    cmd/gwe/kill_*_test.go; with programs of supervisord in steps/supervisor
//	ota-rsync                              steps/transfer/recipe_test.go
//	ota-django                             steps/migration/django_test.go
//	failsafe, rollback                     steps/release/recipes_test.go
//	self-update                            cmd/gwe/hand_over_test.go
//	supervisor-reload                      steps/supervisor/recipe_test.go
package recipetest
