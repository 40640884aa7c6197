using System.CommandLine;
using System.CommandLine.Help;
using System.CommandLine.Invocation;

namespace InverseSolver.Cli;

/// <summary>The help of a command, with the exit codes below it.</summary>
internal sealed class HelpWithExitCodes(HelpAction help) : SynchronousCommandLineAction
{
    private const int Width = 120;

    public override int Invoke(ParseResult parseResult)
    {
        help.MaxWidth = Console.IsOutputRedirected ? Width : Math.Min(Width, Math.Max(60, Console.WindowWidth));
        int code = help.Invoke(parseResult);
        Console.WriteLine(ExitCode.Help);
        return code;
    }

    public override bool ClearsParseErrors => true;
}
