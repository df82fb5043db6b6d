//===----------------------------------------------------------------------===//
// Quartermaster: services of other packages under both masters
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import Foundation
import TestSupport
import Testing

extension Interoperation {
    /// What an author of services has in his hands: programs that were built outside of this package.
    @Suite("Services from outside") struct OutsideServices {
        @Test("every service of the documents serves", arguments: [MasterUnderTest.quartermaster, .debian])
        func documents(_ master: MasterUnderTest) throws {
            let package = try OutsidePackage.ofDocuments.get()
            let sandbox = try master.sandbox()
            defer { sandbox.destroy() }
            for name in ["daytime", "wordcount", "remind", "lookup"] {
                try sandbox.install(package.program(name), as: name)
                try sandbox.addService("\(name) unix n - n - 5 \(name)")
            }
            let colours = sandbox.queueDirectory + "/colours"
            try "violet blue\n".write(toFile: colours, atomically: false, encoding: .utf8)
            try sandbox.setMain(["daytime_format": "it is %Y", "lookup_file": colours])
            try sandbox.start()

            let place = { (name: String) in Place.path(sandbox.queueDirectory + "/public/" + name) }
            #expect(try Caller(place("daytime")).readAll()?.hasPrefix("it is 20") == true)
            let words = try Caller(place("wordcount"))
            #expect(words.send("one two\nthree\nquit\n"))
            #expect(words.readAll() == "ready\n2 2\n1 3\n")
            let patient = try Caller(place("remind"))
            #expect(patient.readLine() == "SECONDS TEXT, please\n")
            #expect(patient.send("1 tea\n"))
            #expect(patient.readLine() == "tea\n")
            let lookup = try Caller(place("lookup"))
            #expect(lookup.send("violet\n"))
            #expect(lookup.readLine() == "blue\n")
            #expect(sandbox.alarms == [])
        }

        @Test("a copy of the template serves", arguments: [MasterUnderTest.quartermaster, .debian])
        func template(_ master: MasterUnderTest) throws {
            let package = try OutsidePackage.ofTemplate.get()
            let sandbox = try master.sandbox()
            defer { sandbox.destroy() }
            try sandbox.install(package.program("hello"), as: "hello")
            try sandbox.addService("hello unix n - n - 5 hello -o hello_greeting=welcome")
            try sandbox.start()
            let caller = try Caller(.path(sandbox.queueDirectory + "/public/hello"))
            #expect(caller.send("world\n"))
            #expect(caller.readLine() == "welcome, world\n")
            #expect(sandbox.alarms == [])
        }
    }
}
