//===----------------------------------------------------------------------===//
// Quartermaster: fuzz entry: any bytes as main.cf
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

@testable import MasterConfig

/// Parses the input as main.cf, expands every value in it and evaluates every setting: nothing may trap, and nothing
/// may take long. Built with MasterConfig by `scripts/fuzz main_cf`.
@c(LLVMFuzzerTestOneInput)
public func fuzzMainCf(_ data: UnsafePointer<UInt8>?, _ size: Int) -> CInt {
    let input = Bytes(UnsafeBufferPointer(start: data, count: size))
    var problems: [ConfigProblem] = []
    var dictionary = MainDictionary(parsing: input, path: "main.cf", problems: &problems)
    for name in dictionary.names {
        let text = Expansion.expand(dictionary.lookup(name) ?? "", in: dictionary, problems: &problems)
        precondition(text.map { $0.utf8.count <= 3 * Expansion.resultLimit } ?? problems.hasFatal)
    }
    let settings = MainSettings.evaluate(&dictionary, host: HostFacts(hostName: "host"), problems: &problems)
    _ = PortTable(knownTCPPorts: settings.knownTCPPorts, problems: &problems)
    _ = ImportEnvironment.parse(settings.importEnvironment, problems: &problems)
    _ = ConfigDump.text(settings) + ConfigDump.text(dictionary) + ConfigDump.text(problems)
    _ = try? MainDictionary.assignment(String(decoding: input, as: UTF8.self))
    return 0
}
