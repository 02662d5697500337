package auth

import (
	"strings"
	"sync"
)

// isCommon tells whether everybody would try the password. The list is short on purpose: those of at least eight
// characters that head every published count, and what people give to a package server.
func isCommon(password string) bool {
	return commonPasswords()[strings.ToLower(strings.TrimSpace(password))]
}

var commonPasswords = sync.OnceValue(func() map[string]bool {
	set := make(map[string]bool)
	for _, word := range strings.Fields(commonText) {
		set[word] = true
	}
	return set
})

const commonText = `
password password1 password12 password123 password1234 password1! password! password. passw0rd p@ssw0rd p@ssword
p@$$w0rd pa55word pa$$word passwort passwort1 motdepasse contraseña changeme changeme1 changeme! changeme123 changeit
change_me letmein1 letmein! letmein123 letmeinnow welcome1 welcome! welcome12 welcome123 qwerty12 qwerty123 qwerty1234
qwertyui qwertyuiop qwertz123 qwertzui qwertzuiop azertyui azertyuiop asdfasdf asdfghjk asdfghjkl asdf1234 zxcvbnm1
zxcvbnm123 1q2w3e4r 1q2w3e4r5t 1qaz2wsx 1qazxsw2 q1w2e3r4 q1w2e3r4t5 zaq12wsx zaq1zaq1 qazwsxedc abcd1234 abc12345
abc123456 abcdefgh abcdefghi a1b2c3d4 a1234567 aa123456 aa12345678 1234qwer 123qweasd qweasdzxc 123abc123 12345abc
iloveyou iloveyou1 iloveyou2 iloveyou! sunshine sunshine1 princess princess1 football football1 baseball baseball1
basketball superman superman1 batman123 starwars starwars1 pokemon1 pokemon123 michael1 jennifer jordan23 charlie1
trustno1 dragon123 monkey123 master123 shadow123 computer computer1 internet internet1 whatever whatever1 samsung1
midnight chocolate chocolate1 butterfly liverpool liverpool1 chelsea1 arsenal1 barcelona elephant mustang1 corvette
mercedes maverick victoria hello123 hello1234 helloworld admin123 admin1234 admin12345 adminadmin administrator
administrator1 root1234 rootroot toor1234 test1234 testtest test12345 testing1 testing123 guest123 guest1234 user1234
default1 default123 temp1234 temporary secret123 secret1234 secretsecret topsecret supersecret server123 manager1
system123 company1 company123 database postgres postgres1 redis123 docker123 packhouse packhouse1 packhouse123
repository artifact artifacts warehouse production development qwe12345 qwe123456 google123 facebook facebook1 linkedin
11111111 111111111 1111111111 12121212 12341234 12344321 12345678 123456789 1234567890 123123123 13131313 22222222
66666666 77777777 87654321 88888888 987654321 9876543210 99999999 00000000 0123456789 123454321 147258369 159357159
11223344 1122334455 aaaaaaaa qqqqqqqq zzzzzzzz xxxxxxxx asdasdasd qweqweqwe correcthorsebatterystaple
`
