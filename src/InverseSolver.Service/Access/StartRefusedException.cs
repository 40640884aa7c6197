namespace InverseSolver.Service.Access;

/// <summary>The service cannot start with its configuration. Only this text is printed.</summary>
/// <param name="message">The reason and the remedy.</param>
/// <param name="exitCode">1: the environment does not allow it; 2: an option has no valid value.</param>
internal sealed class StartRefusedException(string message, int exitCode = 1) : Exception(message)
{
    /// <summary>The exit code of the process.</summary>
    public int ExitCode { get; } = exitCode;
}
