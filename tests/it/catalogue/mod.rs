//! What servers, lists, and attackers on the network may do, and what `fetch` promises to make of it, by number.
//!
//! Each line is a case, and each case is a test whose name begins with its number. The bytes are sent over a loopback
//! socket, and the outcome is exact. Healthy URLs are fetched in the same run and must be ok, and every run must
//! end. A number is never given to another case.
//!
//! # Redirects
//!
//! - C001 a redirect without a location is a dead end
//! - C002 an empty location is a dead end
//! - C003 a location with a broken address is a dead end
//! - C004 a location with a port that is none is a dead end
//! - C005 a location of a file is not opened
//! - C006 a location of a script is not followed
//! - C007 a location of another protocol is not followed
//! - C008 a location of 200 kB is a dead end told in one line
//! - C009 a refresh header leads nowhere
//! - C010 a location without a redirect leads nowhere
//! - C011 a status of 300 with a location is an answer
//! - C012 a loop ends after ten redirects
//! - C013 a location that is not UTF-8 is encoded
//! - C014 a location with encoded line ends injects no header
//! - C015 of two locations the first is followed and no other
//! - C016 the body of a redirect is not waited for
//! - C017 slow redirects share one timeout
//! - C018 a POST is not posted again where 302 leads
//! - C019 a redirect to a dead server names where it died
//!
//! # Secrets
//!
//! - C020 a redirect to another port takes no secret along
//! - C021 a redirect to another host takes no secret along
//! - C022 a redirect from https to http takes no secret along
//! - C023 a location without a scheme is another origin all the same
//! - C024 a location with backslashes is another origin all the same
//! - C025 a location whose userinfo looks like the origin is another one
//! - C026 on return to the first origin the secrets stay behind
//! - C027 a server does not choose who we log in as
//! - C028 userinfo in a location is shown in no format
//! - C029 a cookie that was set is sent to no other input
//! - C030 no one is told where we come from
//! - C031 a challenge is answered with nothing that was not sent before
//! - C032 a host header stays with its origin
//! - C033 the secrets of one URL are not those of its neighbour
//! - C034 userinfo is in no name of a file
//!
//! # Connections
//!
//! - C035 a connection closed without a byte is a failed connection
//! - C036 a connection reset without a byte is a failed connection
//! - C037 a connection closed within the head is a failed connection
//! - C038 silence before the head ends at the read timeout
//! - C039 silence within the head ends at the read timeout
//! - C040 silence within the body ends at the read timeout
//! - C041 a head that drips ends at the timeout
//! - C042 a body that drips ends at the timeout
//! - C043 interim answers without end end at the timeout
//! - C044 interim answers of every kind before the answer do no harm
//! - C045 protocols that are switched unasked are an error
//! - C046 a body that is reset is a failed body
//! - C047 a flood of interim answers ends at the timeout
//! - C048 a connection to one host serves no other on the same port
//! - C049 a port where no one listens is said in words
//! - C050 a server that accepts no one ends at the connect timeout
//! - C051 a server that takes no content ends at the read timeout
//! - C052 an answer before all content was taken is the answer
//! - C053 a kept connection that ends as a GET leaves is made good
//! - C054 a kept connection that ends as a POST leaves gets no second post
//! - C055 a fresh connection that ends is not tried a second time
//! - C056 an answer that no one asked for answers no other request
//! - C057 content after a 204 answers no other request
//! - C058 content after a 304 answers no other request
//! - C059 content after an answer to HEAD answers no other request
//! - C060 a server that speaks first does not speak HTTP
//!
//! # Heads
//!
//! - C061 five thousand fields are an answer
//! - C062 more than five thousand fields are no answer
//! - C063 a hundred thousand fields are no answer
//! - C064 a field of 250 KiB is an answer
//! - C065 a field of 300 KiB is no answer
//! - C066 a field without end is no answer
//! - C067 a head without end is no answer
//! - C068 a status line without end is no answer
//! - C069 blank lines without end are no answer
//! - C070 a folded field is unfolded
//! - C071 a NUL in a field is no answer
//! - C072 an escape in a field is no answer
//! - C073 a carriage return in a field is no answer
//! - C074 a blank before the colon is cut
//! - C075 a field without a name is no answer
//! - C076 a field without a colon is no answer
//! - C077 an answer of HTTP/0.9 is no answer
//! - C078 another protocol is no answer
//! - C079 an answer of a radio is no answer
//! - C080 a version that does not exist is no answer
//! - C081 a status of letters is no answer
//! - C082 a status of two digits is no answer
//! - C083 a status of four digits is no answer
//! - C084 a status of nothing is no answer
//! - C085 a status that no one knows is an answer
//! - C086 a TLS alert over HTTP is no answer
//! - C087 a Retry-After of a thousand years is not waited for
//! - C088 a Retry-After that is nothing is not waited for
//! - C089 another service for the same origin is not asked
//! - C090 an escape in the reason is no answer
//! - C091 bytes in a field that are not UTF-8 are shown as what they are not
//! - C092 lines that end in a line feed alone are an answer
//!
//! # Framing
//!
//! - C093 two lengths that differ are no answer
//! - C094 two lengths that differ in one field are no answer
//! - C095 a negative length is no answer
//! - C096 a length with a sign is no answer
//! - C097 a length in hexadecimal is no answer
//! - C098 a length of nothing is no answer
//! - C099 a length beyond all numbers is no answer
//! - C100 a body shorter than its length is a failed body
//! - C101 no body where there is a length is a failed body
//! - C102 a length beyond all bodies is a failed body
//! - C103 chunks without a last one are a failed body
//! - C104 a chunk that breaks off is a failed body
//! - C105 chunks without the end of their trailers are a failed body
//! - C106 a size of a chunk that is no number is not HTTP
//! - C107 a negative size of a chunk is not HTTP
//! - C108 a size of a chunk beyond all numbers is not HTTP
//! - C109 a chunk longer than its size is not HTTP
//! - C110 a line feed in the extension of a chunk is not HTTP
//! - C111 an extension of a chunk without end is not HTTP
//! - C112 extensions of chunks without end are not HTTP
//! - C113 trailers without end are not HTTP
//! - C114 chunks over HTTP/1.0 are no answer
//! - C115 the same length twice is one
//! - C116 what comes after the length is not of the body
//! - C117 chunks beat a length
//! - C118 trailers are no headers
//! - C119 a body without a length goes to the end of the connection
//! - C120 a coding of the transfer that is not chunked hides no length
//! - C121 a hundred thousand chunks of a byte are a body
//! - C122 an answer without content has none whatever it says
//!
//! # HTTP/2
//!
//! - C123 HTTP/1.1 where HTTP/2 was agreed is no answer
//! - C124 a frame beyond all bounds is no answer
//! - C125 a stream that is reset is no answer
//! - C126 content before the headers is no answer
//! - C127 headers without a status are no answer
//! - C128 headers that cannot be unpacked are no answer
//! - C129 headers continued without end are no answer
//! - C130 a stream that is reset within its body is a failed body
//! - C131 a connection closed within a body is a failed body
//! - C132 content longer than its length is a failed body
//! - C133 a push that no one wanted is no answer
//! - C134 silence after the settings ends with a ping that no one answers
//! - C135 pings without end end at the timeout
//! - C136 settings without end end at the timeout
//!
//! # Bodies
//!
//! - C137 a body without end is too large
//! - C138 a body without end ends at the timeout
//! - C139 a length over the limit is too large before it comes
//! - C140 chunks over the limit are too large
//! - C141 a body to be shown has a limit without an option
//! - C142 a body cut off becomes no file
//! - C143 a body reset becomes no file
//! - C144 a body without end becomes no file
//! - C145 a page of an error becomes no file
//! - C146 a part that no one asked for becomes no file
//! - C147 a body of another sum becomes no file
//! - C148 a server does not choose the name of a file
//! - C149 a path that climbs stays in the folder
//! - C150 no body replaces what is there
//! - C151 a body of bytes and escapes is shown as base64
//!
//! # Codings
//!
//! - C152 a bomb of gzip is too large
//! - C153 a bomb of deflate is too large
//! - C154 a bomb of brotli is too large
//! - C155 a bomb of zstd is too large
//! - C156 a bomb within a bomb is too large
//! - C157 two fields of codings are as one
//! - C158 an unknown coding is not given out raw
//! - C159 a coding of bytes is unknown
//! - C160 half of gzip is a failed body
//! - C161 half of deflate is a failed body
//! - C162 half of brotli is a failed body
//! - C163 half of zstd is a failed body
//! - C164 a wrong sum of gzip is a failed body
//! - C165 a wrong length of gzip is a failed body
//! - C166 a wrong sum of deflate is a failed body
//! - C167 garbage after gzip is a failed body
//! - C168 garbage after zstd is a failed body
//! - C169 garbage after deflate is a failed body
//! - C170 garbage after brotli is a failed body
//! - C171 text that is said to be gzip is a failed body
//! - C172 text that is said to be zstd is a failed body
//! - C173 a window of zstd that asks for 2 GiB is a failed body
//! - C174 members of gzip without end and content end at the timeout
//! - C175 a name in gzip without end ends at the timeout
//! - C176 empty blocks of deflate without end end at the timeout
//! - C177 empty blocks of zstd without end end at the timeout
//! - C178 frames of zstd to be skipped without end end at the timeout
//! - C179 empty blocks of brotli without end end at the timeout
//! - C180 an answer cut off after the end of gzip is a failed body
//! - C181 an answer cut off after the end of deflate is a failed body
//! - C182 an answer cut off after the end of brotli is a failed body
//! - C183 an answer cut off after the end of zstd is a failed body
//! - C184 chunks without a last one after the end of deflate are a failed body
//! - C185 content over the length of the coding without end ends as an error
//! - C186 what was not asked to be unpacked stays packed
//! - C187 a bomb becomes no file
//! - C188 a page of an error in an unknown coding is an error all the same
//!
//! # TLS
//!
//! - C189 a certificate that has expired is not trusted
//! - C190 a certificate that is not valid yet is not trusted
//! - C191 a certificate of another name is not trusted
//! - C192 a certificate of a wildcard is not of an address
//! - C193 a name where no one looks for it any more is none
//! - C194 a certificate of an unknown authority is not trusted
//! - C195 a certificate that signed itself is not trusted
//! - C196 a certificate of the right name with the key of another is not trusted
//! - C197 a handshake cut off is an error of TLS
//! - C198 a handshake cut off within a record is an error of TLS
//! - C199 HTTP where there should be TLS is an error of TLS
//! - C200 an alert is an error of TLS
//! - C201 a server of TLS 1.0 is not spoken to
//! - C202 a server of TLS 1.1 is not spoken to
//! - C203 a suite that was not offered is an error of TLS
//! - C204 a greeting that bears the mark of a downgrade is not believed
//! - C205 a record beyond all bounds is an error of TLS
//! - C206 silence in the handshake ends at the connect timeout
//! - C207 a body to the end of the connection needs the end of TLS
//! - C208 a body of its length needs no end of TLS
//! - C209 no answer and no end of TLS is a failed connection
//! - C210 a server that speaks first does not speak HTTP
//!
//! # Terminals, spreadsheets, and people
//!
//! - C211 escapes in a URL are shown as text
//! - C212 escapes in a line that is no URL are shown as text
//! - C213 escapes in a header are shown as text
//! - C214 escapes in a location are shown as text
//! - C215 escapes in a body are shown as text
//! - C216 escapes in the name of a coding are shown as text
//! - C217 escapes in what a line brings along are shown as text
//! - C218 escapes in a path are in no name of a file
//! - C219 a formula in a line is run by no spreadsheet
//!
//! # Names and addresses
//!
//! - C220 a name that does not exist is said by name
//! - C221 a name that looks like another is shown as what it is
//! - C222 a dot or a slash in disguise makes no other host
//! - C223 a broken address of IPv6 is no URL
//! - C224 an address in disguise is shown as what it is
//! - C225 an address with too many or too large parts is no URL
//! - C226 characters that no host has are no URL
//! - C227 a name server that says nothing keeps no run from its end
//! - C228 a name beyond all bounds is no name
//!
//! # Connections for many requests
//!
//! - C229 what a server that goes away did not look at goes to its next connection
//! - C230 refused streams are opened again
//! - C231 a server that refuses for ever is not asked for ever
//! - C232 a connection that breaks takes no request with it
//! - C233 a connection that dies without a word takes no request with it
//! - C234 pings that are answered do not stand in for an answer
//! - C235 a server that thinks long but lives is waited for
//! - C236 more than a hundred at a time take a second connection
//! - C237 a server that takes few requests on each connection gets all of them
//! - C238 a stream that is reset without an error has not ended
//! - C239 an answer before all content was taken is whole where the stream is reset then
//! - C240 a stream that is reset with an error is not opened again
//! - C241 a server that wants HTTP/1 is asked over HTTP/1
//!
//! # Codings again
//!
//! - C242 a transfer coding beside the chunks is not left as it is
//! - C243 a transfer coding that no one knows is not left as it is
//! - C244 a coding that no one knows of nothing does no harm
//! - C245 a coding that no one knows of a head does no harm
//! - C246 chunks in capitals are chunks
//!
//! # Proxies
//!
//! - C250 a dot at the end of a name changes nothing for `no_proxy`
//! - C251 a proxy that forbids is asked no more
//! - C252 a proxy that does not reach the server is retried
//! - C253 a tunnel that is opened in another way is told
//! - C254 a head of a proxy of 10 kB is told with the status
//! - C255 a refusal of SOCKS is told with its reason
//!
//! # Certificates
//!
//! - C270 insecure connects whatever the certificate is
//! - C271 certificates of P-521 are verified
//! - C272 certificates of P-521 that another signed are not trusted
//! - C273 a key of P-521 must have signed the handshake
//! - C274 a name that TLS does not know is told with the rule
//!
//! # Faults of our own
//!
//! - C300 a password in a line that is too long is not shown
//! - C301 a secret in the place of a key or a method is not shown
//! - C302 a JSON line behind blanks of any kind is one
//! - C303 names that are one to some file system are two files
//! - C304 a journal that is lost during the run is noticed
//! - C305 a Retry-After beyond all numbers is a year
//! - C306 a length of the highest number is not blamed on the head alone
//! - C307 bodies that wait for a reader have a bound in all
//! - C308 a body of control characters is no text
//! - C309 a body larger than the bound arrives
//! - C310 a reader that pauses lets no body time out
//! - C311 a thread that cannot start costs speed, or ends the run before the first request
//!
//! # Neighbours
//!
//! - C400 a malformed answer over HTTP/2 costs none of its neighbours
//! - C401 many malformed answers cost none of their neighbours
//! - C402 of a body that a neighbour broke off nothing stays
//! - C403 empty DATA frames are data of no length
//! - C404 an answer without content may have the length of what it leaves out
//!
//! # Answers that must not be lost
//!
//! - C405 an answer before the request is the answer or a lost connection
//! - C406 a 408 on a kept connection is no answer
//! - C407 a 408 on a fresh connection is an answer
//!
//! # Cookies
//!
//! - C408 a page that sets a cookie and expects it is reached
//! - C409 a cookie goes to no other host of the chain
//!
//! # Handshakes
//!
//! - C410 a handshake that stalls costs its own request and no other
//!
//! # Mixtures
//!
//! - C411 each answer of a mixture over HTTP/2 is its own
//! - C412 each answer of a mixture over HTTP/1 is its own
//!
//! # Connections that end for all
//!
//! - C413 a connection that is ended with an error costs only who provoked it
//! - C414 a POST that was not processed is sent again whatever ended the connection
//! - C415 a connection that is closed at one request costs none of its neighbours
//! - C416 a connection that goes silent costs one attempt of those in flight
//! - C417 a request at which each connection goes silent costs its neighbours one attempt
//! - C418 who takes few connections is sent few requests again at a time
//! - C419 a 408 on a kept connection is no answer to any of many jobs
//!
//! # Handshakes over HTTP/1
//!
//! - C420 handshakes that stall over HTTP/1 cost their own requests and no other
//!
//! # Connections that the server retires
//!
//! - C421 a connection that is ended without an error costs only who provoked it

mod bodies;
mod case;
mod codings;
mod connections;
mod endings;
mod framing;
mod heads;
mod http_2;
mod many_streams;
mod names;
mod neighbours;
mod own_faults;
mod proxies;
mod redirects;
mod secrets;
mod terminal;
mod tls;

use case::{LIMIT, answered, beside, beside_with, beside_with_a_limit, cases, raw, unharmed};

#[test]
fn the_index_names_every_case_and_no_other() {
    let sources = [
        include_str!("bodies.rs"),
        include_str!("codings.rs"),
        include_str!("connections.rs"),
        include_str!("endings.rs"),
        include_str!("framing.rs"),
        include_str!("heads.rs"),
        include_str!("http_2.rs"),
        include_str!("many_streams.rs"),
        include_str!("names.rs"),
        include_str!("neighbours.rs"),
        include_str!("own_faults.rs"),
        include_str!("proxies.rs"),
        include_str!("redirects.rs"),
        include_str!("secrets.rs"),
        include_str!("terminal.rs"),
        include_str!("tls.rs"),
    ];
    let numbered = |text: &str| {
        let digits = text.get(1..4)?;
        digits
            .bytes()
            .all(|digit| digit.is_ascii_digit())
            .then(|| digits.to_owned())
    };
    let words = sources.iter().flat_map(|source| source.split_whitespace());
    let mut cases: Vec<_> = words
        .filter(|word| word.starts_with('c') && word.get(4..5) == Some("_"))
        .filter_map(numbered)
        .collect();
    cases.sort_unstable();
    let index: Vec<_> = include_str!("mod.rs")
        .lines()
        .filter_map(|line| line.strip_prefix("//! - "))
        .filter_map(numbered)
        .collect();
    assert!(
        index.is_sorted_by(|one, next| one < next),
        "the index counts up"
    );
    assert_eq!(cases, index, "a case, a number");
}
