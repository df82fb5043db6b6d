import ServerSkeleton

/// Greets by name: a line in, a line out.
struct Hello: StreamService {
    static let greeting = Parameter.string("hello_greeting", default: "hello", minLength: 1, maxLength: 100)
    static var parameters: [any ServiceParameter] { [greeting] }
    private let greeting: String

    init(_ context: inout ServiceContext) {
        context.refuseArguments()
        greeting = context.value(of: Self.greeting)
    }

    mutating func received(_ input: RawSpan, from client: inout Void, reply: inout Reply) -> Int {
        var lines = input.lines
        // Not a whole line yet: call again when there is more.
        guard let name = lines.next() else { return 0 }
        reply.append(utf8: greeting)
        reply.append(", ")
        reply.append(name)
        reply.append("\n")
        return lines.consumed
    }
}
