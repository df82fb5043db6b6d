//===----------------------------------------------------------------------===//
// Quartermaster: tests of attribute lists in both forms
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import Testing

@testable import ServiceBytes

@Suite struct AttributeTests {
    /// A list with a table in it, as text that is easy to compare.
    private static let shown = "a=1 b= {  c=x=y } d=-5 end"

    private func write(_ form: AttributeForm) -> String? {
        written { output in
            with("1") { output.append(attribute: "a", $0, form) }
            with("") { output.append(attribute: "b", $0, form) }
            output.beginTable(form)
            with("x=y") { output.append(attribute: "c", $0, form) }
            output.endTable(form)
            output.append(attribute: "d", decimal: -5, form)
            output.endAttributes(form)
        }
    }

    /// What a walk finds, and how many bytes of `text` it took.
    private func walk(_ text: String, _ form: AttributeForm) -> (String, Int) {
        with(text) { bytes in
            var list = Attributes(bytes, form)
            var found: [String] = []
            while true {
                switch list.next() {
                case .attribute: found.append(String(utf8: list.name) + "=" + String(utf8: list.value))
                case .tableBegin: found.append("{ ")
                case .tableEnd: found.append("}")
                case .end: return ((found + ["end"]).joined(separator: " "), list.consumed)
                case .incomplete: return ((found + ["…"]).joined(separator: " "), list.consumed)
                case .malformed: return ((found + ["?"]).joined(separator: " "), list.consumed)
                }
            }
        }
    }

    @Test("a list that was written is read again", arguments: [AttributeForm.plain, .nullTerminated])
    func roundTrip(_ form: AttributeForm) throws {
        let text = try #require(write(form))
        expect(walk(text, form) == (Self.shown, text.utf8.count))
        // What follows belongs to somebody else.
        expect(walk(text + "more", form) == (Self.shown, text.utf8.count))
    }

    @Test("both forms are written as Postfix's are")
    func forms() {
        expect(write(.plain) == "a=1\nb=\n{\nc=x=y\n}\nd=-5\n\n")
        expect(write(.nullTerminated) == "a\0" + "1\0b\0\0{\0c\0x=y\0}\0d\0-5\0\0")
    }

    @Test("a plain list may have a NUL behind a brace")
    func strayNUL() { expect(walk("a=1\nb=\n{\0\nc=x=y\n}\0\nd=-5\n\n", .plain).0 == Self.shown) }

    @Test(
        "a list that ends early is incomplete, and is walked on from where it stood",
        arguments: [
            AttributeForm.plain, .nullTerminated,
        ]
    )
    func pieces(_ form: AttributeForm) throws {
        let whole = Array(try #require(write(form)).utf8)
        for size in 0..<whole.count {
            // What was found so far, and then the rest from there.
            var found = 0
            let place = {
                let part = Array(whole[..<size])
                var list = Attributes(part.span.bytes, form)
                var element = list.next()
                while element != .incomplete, element != .end {
                    found += 1
                    element = list.next()
                }
                expect(element == .incomplete)
                return list.consumed
            }()
            var list = Attributes(whole.span.bytes, form, from: place)
            while list.next() != .end { found += 1 }
            expect(found == 6, "cut at \(size)")
            expect(list.consumed == whole.count)
        }
    }

    @Test("who knows the name of the next one gets that one and no other")
    func named() {
        with("request=connect\nident=x=y\nend=\n\n") { bytes in
            expect(bytes.attribute("ident", at: 0, .plain) == .missing)
            expect(bytes.attribute("req", at: 0, .plain) == .missing)
            expect(bytes.attribute("request=connect", at: 0, .plain) == .missing)
            expect(bytes.attribute("request", at: 0, .plain) == .value(8..<15))
            expect(bytes.attribute("ident", at: 16, .plain) == .value(22..<25))
            expect(bytes.attribute("end", at: 26, .plain) == .value(30..<30))
            expect(bytes.attribute("more", at: 31, .plain) == .missing)
            expect(bytes.attribute("more", at: 32, .plain) == .incomplete)
        }
        with("request\0connect\0ident\0\0\0") { bytes in
            expect(bytes.attribute("reques", at: 0, .nullTerminated) == .missing)
            expect(bytes.attribute("request", at: 0, .nullTerminated) == .value(8..<15))
            expect(bytes.attribute("ident", at: 16, .nullTerminated) == .value(22..<22))
            expect(bytes.attribute("more", at: 23, .nullTerminated) == .missing)
        }
        with("request\0conn") { expect($0.attribute("request", at: 0, .nullTerminated) == .incomplete) }
        with("request=conn") { expect($0.attribute("request", at: 0, .plain) == .incomplete) }
    }

    @Test("a line that is no attribute is malformed, and is not passed over")
    func malformed() {
        expect(walk("a=1\nnonsense\nb=2\n\n", .plain) == ("a=1 ?", 4))
        expect(walk("=1\n\n", .plain) == ("?", 0))
        expect(walk("nonsense\nb=2\n\n", .plain) == ("?", 0))
    }
}
