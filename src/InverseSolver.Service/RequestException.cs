namespace InverseSolver.Service;

/// <summary>A request that is answered with an error. Its text is shown to the caller.</summary>
/// <param name="status">The HTTP status.</param>
/// <param name="code">The stable code of the error for programs.</param>
/// <param name="field">The offending field in JSON notation; null where it is not a single field.</param>
/// <param name="message">The fault and its remedy.</param>
internal sealed class RequestException(int status, string code, string? field, string message) : Exception(message)
{
    /// <summary>The HTTP status.</summary>
    public int Status { get; } = status;

    /// <summary>The stable code.</summary>
    public string Code { get; } = code;

    /// <summary>The offending field.</summary>
    public string? Field { get; } = field;

    /// <summary>The time after which a retry may succeed, for the Retry-After header.</summary>
    public TimeSpan? RetryAfter { get; init; }

    /// <summary>All faults of the request, this one first.</summary>
    public IReadOnlyList<RequestException> All => Faults is [] ? [this] : Faults;

    private IReadOnlyList<RequestException> Faults { get; init; } = [];

    /// <summary>Runs checks that do not depend on each other, and refuses the request with all faults that they find.</summary>
    /// <param name="checks">The checks, which throw <see cref="RequestException"/> or <see cref="InverseSolver.Reconstruction.InvalidInputException"/>.</param>
    /// <exception cref="RequestException">The first fault, with the others.</exception>
    public static void ThrowAll(params IEnumerable<Action> checks)
    {
        var found = new List<RequestException>();
        foreach (Action check in checks)
        {
            try
            {
                check();
            }
            catch (Exception error) when (error is RequestException or InverseSolver.Reconstruction.InvalidInputException)
            {
                found.AddRange(ErrorMap.Explain(error).All);
            }
        }

        if (found is not []) throw Of(found);
    }

    /// <summary>The first of several faults, with all of them in it.</summary>
    public static RequestException Of(IReadOnlyList<RequestException> faults) =>
        new(faults[0].Status, faults[0].Code, faults[0].Field, faults[0].Message) { RetryAfter = faults[0].RetryAfter, Faults = faults };

    /// <summary>There is nothing under this address.</summary>
    /// <param name="what">The name of the missing thing.</param>
    public static RequestException NotFound(string what) =>
        new(StatusCodes.Status404NotFound, "notFound", null, $"There is no such {what}.");
}
