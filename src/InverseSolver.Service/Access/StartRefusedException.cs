namespace InverseSolver.Service.Access;

/// <summary>The service does not start as it is configured. Its text is all that is printed.</summary>
/// <param name="message">Why, and what to change.</param>
internal sealed class StartRefusedException(string message) : Exception(message);
