namespace InverseSolver.Cli;

/// <summary>Exit codes of the command.</summary>
internal static class ExitCode
{
    internal const int Done = 0;

    /// <summary>It went wrong while it ran, or a check did not pass.</summary>
    internal const int Failed = 1;

    /// <summary>A file, an argument or a model cannot be used.</summary>
    internal const int BadInput = 2;

    /// <summary>SIGINT, as Ctrl+C sends it, ended it.</summary>
    internal const int Cancelled = 130;

    /// <summary>SIGTERM ended it.</summary>
    internal const int Terminated = 143;

    /// <summary>The codes as the help states them.</summary>
    internal static string Help { get; } = $"""
        Exit codes:
          {Done}    done
          {Failed}    it went wrong while it ran, or a check did not pass
          {BadInput}    an option, a file or a model cannot be used
          {Cancelled}  SIGINT (Ctrl+C) ended it
          {Terminated}  SIGTERM ended it

        """;
}

/// <summary>Something the caller has to change; the text says what.</summary>
internal sealed class CommandException(string message) : Exception(message);
