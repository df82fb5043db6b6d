//===----------------------------------------------------------------------===//
// Quartermaster: fuzz entry: any bytes as master.cf
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

@testable import MasterConfig

/// Parses the input as master.cf, names and dumps every entry: nothing may trap, and an entry that is missing must
/// have left a problem. Built with MasterConfig by `scripts/fuzz master_cf`.
@c(LLVMFuzzerTestOneInput)
public func fuzzMasterCf(_ data: UnsafePointer<UInt8>?, _ size: Int) -> CInt {
    let input = Bytes(UnsafeBufferPointer(start: data, count: size))
    var problems: [ConfigProblem] = []
    var dictionary = MainDictionary()
    let settings = MainSettings.evaluate(&dictionary, host: HostFacts(hostName: "host"), problems: &problems)
    precondition(problems.isEmpty)
    let lines = LogicalLines.split(input, path: "master.cf", problems: &problems)
    problems = []
    let entries = MasterFile.parse(input, path: "master.cf", settings: settings, problems: &problems)
    precondition(entries.count == lines.count || problems.hasFatal)
    let ports = PortTable.builtin
    let kept = MasterFile.withoutDuplicates(entries, ports: ports, path: "master.cf", problems: &problems)
    precondition(kept.count <= entries.count)
    _ = ConfigDump.text(kept, ports: ports) + ConfigDump.text(problems)
    _ = DisabledServices(String(decoding: input, as: UTF8.self)).contains(name: "smtp", type: "inet")
    return 0
}
