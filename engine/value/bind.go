package value

import "reflect"

// IntoStruct fills a struct, given by pointer, from values by the names of its tags: each is converted
// strictly, what is absent gets its default, what is required must be there, and what the struct does not
// have is refused.
func IntoStruct(values map[string]any, destination any) error {
	return bind(values, destination, false)
}

// PartlyIntoStruct is IntoStruct where values may lack some that are required: those fields stay as they are.
func PartlyIntoStruct(values map[string]any, destination any) error {
	return bind(values, destination, true)
}

func bind(values map[string]any, destination any, partly bool) error {
	pointer := reflect.ValueOf(destination)
	if pointer.Kind() != reflect.Pointer || pointer.IsNil() {
		return structFault("values are bound to a pointer to a struct")
	}
	object, err := ObjectOf(pointer.Type().Elem())
	if err != nil {
		return err
	}
	if partly {
		for i := range object.Fields {
			object.Fields[i].Required, object.Fields[i].Optional = false, true
		}
	}
	return object.IntoStruct(values, destination)
}

// IntoStruct is the function of that name for a struct of which ObjectOf gave this type: to make the type
// anew takes longer than all else.
func (t Type) IntoStruct(values map[string]any, destination any) error {
	converted, err := Convert(t, values)
	if err != nil {
		return err
	}
	assign(reflect.ValueOf(destination).Elem(), converted)
	return nil
}

// assign puts a canonical value into its Go form. Convert and ObjectOf have made sure that it fits.
func assign(target reflect.Value, v any) {
	if v == nil {
		return
	}
	switch {
	case target.Kind() == reflect.Pointer:
		target.Set(reflect.New(target.Type().Elem()))
		assign(target.Elem(), v)
	case isScalar(target.Type()):
		source := reflect.ValueOf(v)
		if target.Kind() != reflect.Interface {
			source = source.Convert(target.Type())
		}
		target.Set(source)
	case target.Kind() == reflect.Slice:
		list := v.([]any)
		target.Set(reflect.MakeSlice(target.Type(), len(list), len(list)))
		for i, element := range list {
			assign(target.Index(i), element)
		}
	case target.Kind() == reflect.Map:
		target.Set(reflect.MakeMap(target.Type()))
		for key, element := range v.(map[string]any) {
			slot := reflect.New(target.Type().Elem()).Elem()
			assign(slot, element)
			target.SetMapIndex(reflect.ValueOf(key), slot)
		}
	default:
		values := v.(map[string]any)
		for i := range target.NumField() {
			member := target.Type().Field(i)
			if member.Anonymous {
				assign(target.Field(i), values)
				continue
			}
			assign(target.Field(i), values[member.Tag.Get("name")])
		}
	}
}

// FromStruct gives a struct's fields as canonical values by the names of its tags. A nil pointer is nil:
// absent. A nil slice or map is empty, not absent.
func FromStruct(v any) (map[string]any, error) {
	structure := reflect.ValueOf(v)
	if !structure.IsValid() {
		return nil, structFault("a struct cannot be nil")
	}
	object, err := ObjectOf(structure.Type())
	if err != nil {
		return nil, err
	}
	return object.read(structure)
}

// FromStruct is the function of that name for a struct of which ObjectOf gave this type.
func (t Type) FromStruct(v any) (map[string]any, error) { return t.read(reflect.ValueOf(v)) }

func (t Type) read(structure reflect.Value) (map[string]any, error) {
	values := make(map[string]any, len(t.Fields))
	_, err := readInto(values, structure, t.Fields)
	return values, err
}

// readInto reads the members of a struct, those of embedded ones among them, and gives the fields that are
// left.
func readInto(values map[string]any, structure reflect.Value, fields []Field) ([]Field, error) {
	for i := range structure.NumField() {
		if structure.Type().Field(i).Anonymous {
			var err error
			if fields, err = readInto(values, structure.Field(i), fields); err != nil {
				return nil, err
			}
			continue
		}
		plain, err := canonical(structure.Field(i), fields[0].Type)
		if err != nil {
			return nil, inside(fields[0].Name, err)
		}
		values[fields[0].Name] = plain
		fields = fields[1:]
	}
	return fields, nil
}

// canonical reads the Go form of a type. A scalar is taken as it is: a step type that leaves a path empty has
// said so, and it is not for the binding to refuse it.
func canonical(source reflect.Value, t Type) (any, error) {
	switch {
	case source.Kind() == reflect.Pointer:
		if source.IsNil() {
			return nil, nil
		}
		return canonical(source.Elem(), t)
	case t.Kind == KindAny:
		return Convert(t, source.Interface())
	case t.Kind == KindList:
		list := make([]any, 0, source.Len())
		for i := range source.Len() {
			element, err := canonical(source.Index(i), t.element())
			if err != nil {
				return nil, err
			}
			list = append(list, element)
		}
		return list, nil
	case t.Kind == KindMap:
		values := make(map[string]any, source.Len())
		for entries := source.MapRange(); entries.Next(); {
			element, err := canonical(entries.Value(), t.element())
			if err != nil {
				return nil, err
			}
			values[entries.Key().String()] = element
		}
		return values, nil
	case t.Kind == KindObject:
		return t.read(source)
	case t.Kind == KindPath || t.Kind == KindURL:
		return source.String(), nil
	}
	return source.Interface(), nil
}

func isScalar(goType reflect.Type) bool {
	_, known := goTypes[goType]
	return known
}
