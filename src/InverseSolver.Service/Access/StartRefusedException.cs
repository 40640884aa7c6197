namespace InverseSolver.Service.Access;

/// <summary>The service does not start as it is configured. Its text is all that is printed.</summary>
/// <param name="message">Why, and what to change.</param>
/// <param name="exitCode">1: the surroundings do not allow it; 2: an option has no valid value.</param>
internal sealed class StartRefusedException(string message, int exitCode = 1) : Exception(message)
{
    /// <summary>What the process returns.</summary>
    public int ExitCode { get; } = exitCode;
}
