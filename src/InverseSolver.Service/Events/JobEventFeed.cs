using System.Diagnostics;
using InverseSolver.Service.Jobs;
using InverseSolver.Service.Storage;

namespace InverseSolver.Service.Events;

/// <summary>The newest readings of the jobs that somebody listens to. All listeners of a job share one reading for each change.</summary>
internal sealed class JobEventFeed(JobDatabase database, JobStore store, JobSignals signals)
{
    private readonly Dictionary<string, Shared> _jobs = [];

    /// <summary>Begins to listen to a job; <see cref="Leave"/> ends it.</summary>
    public void Enter(string id)
    {
        lock (_jobs)
        {
            if (!_jobs.TryGetValue(id, out Shared? shared))
            {
                _jobs[id] = shared = new Shared();
            }

            shared.Listeners++;
        }
    }

    /// <summary>Ends what <see cref="Enter"/> began.</summary>
    public void Leave(string id)
    {
        lock (_jobs)
        {
            if (--_jobs[id].Listeners > 0)
            {
                return;
            }

            bool isOver = _jobs[id].Newest?.IsOver == true;
            _jobs.Remove(id);
            if (isOver)
            {
                // A final job does not change any more, so its signal is removed.
                signals.Changed(id);
            }
        }
    }

    /// <summary>The job as it is now: a reading since whose start nothing changed.</summary>
    /// <param name="id">The job, which the caller listens to.</param>
    /// <param name="age">The age from which a reading is not trusted, should a signal be lost.</param>
    public JobReading Read(string id, TimeSpan age)
    {
        lock (_jobs)
        {
            Shared shared = _jobs[id];
            if (shared.Newest is { } newest && (newest.IsOver || (!newest.Change.IsCompleted && Stopwatch.GetElapsedTime(newest.Begun) < age)))
            {
                return newest;
            }

            return shared.Newest = new JobReading(id, signals.NextChange(id), database, store, signals);
        }
    }

    private sealed class Shared
    {
        public int Listeners { get; set; }

        public JobReading? Newest { get; set; }
    }
}
