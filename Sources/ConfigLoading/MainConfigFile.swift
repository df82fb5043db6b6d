//===----------------------------------------------------------------------===//
// Quartermaster: ConfigLoading, configuration files and what only this system can say about them
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

package import MasterConfig
import MasterProtocol
import SystemCalls

/// main.cf as it was read: raw values, and the facts about this host that evaluating them needs.
package struct LoadedMainConfig: Sendable {
    package var dictionary: MainDictionary
    package var host: HostFacts
    package var problems: [ConfigProblem]
    /// The file as it was read: what master keeps a copy of once it has accepted it.
    package var bytes: [UInt8]
}

/// The directory of main.cf: `MAIL_CONFIG`, else that of the package that brought this program, else the built-in
/// default.
package func configDirectory() -> String {
    EnvironmentName.mailConfig.value ?? packagedConfigDirectory() ?? BuiltinDefaults.debian.configDirectory
}

/// A package with a configuration of its own says where that is by a symbolic link with the name `config` beside its
/// daemons, which are in `lib/quartermaster` below the directory where its commands are in `bin` or `sbin`.
private func packagedConfigDirectory() -> String? {
    guard let program = try? linkTarget("/proc/self/exe"), let slash = program.utf8.lastIndex(of: UInt8(ascii: "/"))
    else { return nil }
    let directory = program[..<slash]
    for place in ["\(directory)/config", "\(directory)/../lib/quartermaster/config"] {
        if let target = try? linkTarget(place), target.utf8.first == UInt8(ascii: "/") { return target }
    }
    return nil
}

/// Reads main.cf. A file that was edited within the last second or two is read again until it settled, unless the
/// caller may not be held up and sees to that itself (`mainConfigPause`).
package func loadMainConfig(
    directory: String,
    processName: String,
    serviceName: String? = nil,
    waitsUntilSettled: Bool = true
) -> LoadedMainConfig {
    let host = hostFacts(directory: directory, processName: processName, serviceName: serviceName)
    var problems: [ConfigProblem] = []
    var dictionary = MainDictionary()
    var bytes: [UInt8] = []
    do throws(SystemError) {
        let path = "\(directory)/main.cf"
        bytes = waitsUntilSettled ? try readSettledFile(path) : try readFile(path).bytes
        dictionary = MainDictionary(parsing: bytes, path: path, problems: &problems)
    } catch {
        let path = "\(directory)/main.cf"
        let restore = "Restore the file, or name the right directory with -c or MAIL_CONFIG."
        let cure = error.isShortage ? shortageCure : restore
        problems.append(.fatal("open \(path): \(error.reason)", at: .file(path), cure: cure))
    }
    return LoadedMainConfig(dictionary: dictionary, host: host, problems: problems, bytes: bytes)
}

/// For what a lack of descriptors or memory has prevented.
package let shortageCure = "Nothing is wrong with the files: try again when there are memory and descriptors."

func hostFacts(directory: String, processName: String, serviceName: String? = nil) -> HostFacts {
    HostFacts(
        hostName: hostName(),
        configDirectory: directory,
        processName: processName,
        processID: processID(),
        serviceName: serviceName
    )
}

/// Evaluates the settings; the dictionary gains the defaults of what it lacks.
package func evaluateSettings(
    _ dictionary: inout MainDictionary,
    host: HostFacts
) -> (settings: MainSettings, problems: [ConfigProblem]) {
    var problems: [ConfigProblem] = []
    let settings = MainSettings.evaluate(&dictionary, host: host, problems: &problems)
    return (settings, problems)
}

/// Milliseconds after which main.cf should be looked at again, because it is being edited; nil when it can be read now.
package func mainConfigPause(directory: String) -> Int64? {
    guard let modified = (try? facts(ofPath: "\(directory)/main.cf"))?.modifiedSeconds else { return nil }
    let now = Int(Clock.secondsSince1970())
    switch HotFile.decide(modified: Int(modified), now: now, started: now) {
    case .settled: return nil
    case .readAgain(let milliseconds): return Int64(milliseconds)
    }
}

/// The file's bytes, read again for as long as it is being edited; bounded, so that a file with a time stamp from a
/// clock that jumped cannot hold us up for ever.
private func readSettledFile(_ path: String) throws(SystemError) -> [UInt8] {
    for _ in 0..<10 {
        let started = Int(Clock.secondsSince1970())
        let (bytes, modified) = try readFile(path)
        switch HotFile.decide(modified: Int(modified), now: Int(Clock.secondsSince1970()), started: started) {
        case .settled: return bytes
        case .readAgain(let milliseconds): pause(milliseconds: UInt32(milliseconds))
        }
    }
    return try readFile(path).bytes
}
