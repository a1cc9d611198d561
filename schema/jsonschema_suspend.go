package schema

func rebootSchema() object {
	made := mappingSchema(object{
		"within":   described(reference("duration"), "How long the run waits for the machine to come back, then all is rolled back."),
		"command":  described(object{"type": "array", "items": object{"type": "string"}}, "The program that reboots the machine, [systemctl, reboot] where it is left out; [] where another program does it."),
		"expect":   described(reference("expression"), "What is true in the right system after the boot; it reads host and facts as they are then. False: the machine came back in another one."),
		"await":    described(reference("expression"), "What must become true after the boot before the run is in progress."),
		"attempts": described(object{"anyOf": []any{object{"type": "integer", "minimum": 1}, dynamicSchema()}}, "How many reboots are asked for, 1 where it is left out."),
	})
	made["required"] = []string{"within"}
	return described(made, "Reboots the machine; the run ends with exit code 75, and `gwe recover` continues it after the boot.")
}

func confirmSchema() object {
	made := mappingSchema(object{
		"within": described(reference("duration"), "How long the run waits, then all is rolled back."),
		"boots":  described(object{"anyOf": []any{object{"type": "integer", "minimum": 1}, dynamicSchema()}}, "After how many boots without a confirmation all is rolled back, 10 where it is left out."),
		"until":  described(reference("expression"), "What confirms by itself; it reads host and facts as they are whenever `gwe recover` looks."),
		"for":    described(reference("duration"), "How long until must hold without a break; once where it is left out."),
	})
	made["required"] = []string{"within"}
	made["dependentRequired"] = object{"for": []string{"until"}}
	return described(made, "Waits for `gwe confirm`, or for until; the run ends with exit code 75. Unconfirmed, all is rolled back.")
}

func handOverSchema() object {
	made := mappingSchema(object{
		"program": described(object{"type": "string", "minLength": 1}, "The absolute path of the gwe that continues the run."),
		"within":  described(reference("duration"), "How long it may take until it has taken the run over, 1m where it is left out; then all is rolled back."),
	})
	made["required"] = []string{"program"}
	return described(made, "Lets another gwe continue the run: first it is asked whether it can, and where it does not, all is rolled back.")
}
