package rules

const overPostsCode = "OVER_POSTS"

// overPosts finds units with more chiefs or deputies than they were granted.
func overPosts() Rule {
	return Rule{
		Code: overPostsCode, Version: 1,
		Needs: ended(slots, leaderPosts, successions),
		count: func(p *Person) {
			for _, s := range p.held {
				if canon := p.county.Now.Canon(s.Unit); s.Leader != "" && len(canon) == 1 {
					p.cite(s.Ref)
					p.use(canon[0], 0, p.county.leaders[s.Leader])
				}
			}
		},
	}
}
