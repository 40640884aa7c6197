using System.Diagnostics.CodeAnalysis;
using System.Runtime.InteropServices;

namespace InverseSolver.Cli;

/// <summary>
/// SIGINT and SIGTERM. The first one asks the command to stop, and ends the process where that takes too long, because a network call or the load of a model is
/// not broken off; a second one ends it at once. Either way the terminal gets one sentence.
/// </summary>
internal sealed class Interruption : IDisposable
{
    // Supervisors and users are promised two seconds.
    private static readonly TimeSpan _patience = TimeSpan.FromSeconds(1.2);

    private readonly CancellationTokenSource cancel = new();
    private readonly PosixSignalRegistration[] signals;
    private readonly Timer late;
    private int code, ended;

    internal Interruption()
    {
        late = new Timer(_ => End(), null, Timeout.Infinite, Timeout.Infinite);
        signals = [.. ((PosixSignal[])[PosixSignal.SIGINT, PosixSignal.SIGTERM]).Select(signal => PosixSignalRegistration.Create(signal, Stop))];
    }

    /// <summary>Cancelled by the first signal.</summary>
    internal CancellationToken Token => cancel.Token;

    public void Dispose()
    {
        Array.ForEach(signals, signal => signal.Dispose());
        late.Dispose();
        cancel.Dispose();
    }

    /// <summary>Says that the command was cancelled and ends the process: whatever still computes on other threads is not waited for.</summary>
    [DoesNotReturn]
    internal void End()
    {
        if (Interlocked.Exchange(ref ended, 1) == 0)
        {
            // A progress bar hides the cursor.
            Console.Write(Console.IsOutputRedirected ? "" : "\u001b[?25h");
            Console.Error.WriteLine("error: The command was cancelled.");
            Backend.Exit(code);
        }

        Thread.Sleep(Timeout.Infinite);
        throw new InvalidOperationException();
    }

    private void Stop(PosixSignalContext context)
    {
        context.Cancel = true;
        if (Interlocked.CompareExchange(ref code, context.Signal == PosixSignal.SIGTERM ? ExitCode.Terminated : ExitCode.Cancelled, 0) != 0)
        {
            End();
        }

        late.Change(_patience, Timeout.InfiniteTimeSpan);
        _ = cancel.CancelAsync();
    }
}
