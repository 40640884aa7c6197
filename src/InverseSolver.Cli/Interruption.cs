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
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(1.2);

    private readonly CancellationTokenSource _cancel = new();
    private readonly PosixSignalRegistration[] _signals;
    private readonly Timer _late;
    private int _code, _ended;

    internal Interruption()
    {
        _late = new Timer(_ => End(), null, Timeout.Infinite, Timeout.Infinite);
        _signals = [.. ((PosixSignal[])[PosixSignal.SIGINT, PosixSignal.SIGTERM]).Select(signal => PosixSignalRegistration.Create(signal, Stop))];
    }

    /// <summary>Cancelled by the first signal.</summary>
    internal CancellationToken Token => _cancel.Token;

    public void Dispose()
    {
        Array.ForEach(_signals, signal => signal.Dispose());
        _late.Dispose();
        _cancel.Dispose();
    }

    /// <summary>Says that the command was cancelled and ends the process: whatever still computes on other threads is not waited for.</summary>
    [DoesNotReturn]
    internal void End()
    {
        if (Interlocked.Exchange(ref _ended, 1) == 0)
        {
            // A progress bar hides the cursor.
            Console.Write(Console.IsOutputRedirected ? "" : "\u001b[?25h");
            Console.Error.WriteLine("error: The command was cancelled.");
            Backend.Exit(_code);
        }

        Thread.Sleep(Timeout.Infinite);
        throw new InvalidOperationException();
    }

    private void Stop(PosixSignalContext context)
    {
        context.Cancel = true;
        if (Interlocked.CompareExchange(ref _code, context.Signal == PosixSignal.SIGTERM ? ExitCode.Terminated : ExitCode.Cancelled, 0) != 0)
        {
            End();
        }

        _late.Change(Patience, Timeout.InfiniteTimeSpan);
        _ = _cancel.CancelAsync();
    }
}
