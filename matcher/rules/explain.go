package rules

func (p *Person) explain() {}
