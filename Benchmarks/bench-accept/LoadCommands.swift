//===----------------------------------------------------------------------===//
// Quartermaster: the kinds of load as subcommands
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import ArgumentParser
import LoadGeneration
import SystemCalls

/// A subcommand that loads a service, whatever its kind.
protocol LoadCommand: ParsableCommand {
    /// `usualSeconds`: how long it lasts when the command line says nothing of it.
    func makeLoad(usualSeconds: Int64) throws -> Load
    var faces: FaceOptions { get }
}

struct Generate<Kind: LoadKind>: LoadCommand {
    static var configuration: CommandConfiguration {
        CommandConfiguration(
            commandName: Kind.shape.rawValue,
            abstract: Kind.abstract,
            discussion: "TLS is not spoken. Times: 500ms, 2.5s, 1m, or seconds; numbers: 500, 10k, 2M."
        )
    }

    @OptionGroup var options: LoadOptions<Kind>

    var faces: FaceOptions { options.faces }

    func makeLoad(usualSeconds: Int64) throws -> Load {
        Load(
            plan: try options.makePlan(usualSeconds: usualSeconds),
            preset: options.words.isHTTP(options.place) ? .http : options.words.preset,
            profile: options.amount.profile,
            watcher: try options.faces.makeWatcher()
        )
    }

    func run() throws {
        var session: Session
        do {
            let conditions = try faces.makeConditions()
            try faces.checkOutput()
            let load = try makeLoad(usualSeconds: 5)
            session = Session(load, faces: faces, conditions: conditions, repeats: try options.amount.repeats())
        } catch let error as ValidationError {
            throw refusal(error, of: Kind.shape.rawValue)
        }
        let status = try session.run()
        if status != 0 { throw ExitCode(status) }
    }
}

/// Says what is wrong with a subcommand's options.
func refusal(_ error: ValidationError, of subcommand: String) -> ExitCode {
    _ = print(
        "Error: \(error.message)\nSee 'bench-accept \(subcommand) --help' and bench-accept(1).\n",
        to: .standardError
    )
    return .validationFailure
}
