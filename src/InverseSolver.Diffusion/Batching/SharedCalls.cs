namespace InverseSolver.Diffusion.Batching;

/// <summary>
/// Brings the network calls of several solvers together. Each solver runs on a thread of its own and works with a <see cref="SharedModel"/>, whose calls are
/// rendezvous points: calls of one function and size that wait at the same time go through the network as one batch, whatever their timesteps. A call with
/// gradient is two such points: forward together, then each solver makes its cotangent from its own part, then one backward pass. A solver only ever holds
/// detached values, so no autograd graph spans two of them. A part of a batch may differ by rounding from the same call alone.
/// </summary>
public sealed class SharedCalls : IDisposable
{
    private readonly object _gate = new();
    private readonly LatentModel _model;
    private readonly TimeProvider _clock;
    private readonly long _windowMs;
    private readonly List<SharedCall> _waiting = [];
    private readonly List<SharedBatch> _open = [];
    private readonly Thread _thread;
    private long _mostItems, _idleSince;
    private int _participants, _blocked;
    private bool _busy, _ending;

    /// <summary>Starts the thread that calls the network.</summary>
    /// <param name="model">The model; it must outlive this.</param>
    /// <param name="window">The time that a call waits for others while the network is idle and some solver is busy elsewhere.</param>
    /// <param name="mostItems">The most items of a batch; a larger single call runs alone.</param>
    /// <param name="onThread">Runs first on the thread that calls the network: its stream, its priority.</param>
    /// <param name="clock">Measures the window; the system's unless another one is given.</param>
    public SharedCalls(LatentModel model, TimeSpan window, int mostItems, Action? onThread = null, TimeProvider? clock = null)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(mostItems, 1);
        _model = model;
        _mostItems = mostItems;
        _clock = clock ?? TimeProvider.System;
        _idleSince = Now;
        _windowMs = (long)window.TotalMilliseconds;
        _thread = new Thread(() =>
        {
            onThread?.Invoke();
            Serve();
        })
        {
            Name = "network",
            IsBackground = true,
        };
        _thread.Start();
    }

    /// <summary>Batches that went through the network so far; forward and backward of one count once.</summary>
    public long Batches { get; private set; }

    /// <summary>Items in them.</summary>
    public long Items { get; private set; }

    /// <summary>Items of the largest batch.</summary>
    public long Largest { get; private set; }

    internal LatentModel Inner => _model;

    /// <summary>Calls that wait for their batch to go, and whether the network computes another one now.</summary>
    internal (int Calls, bool Busy) Waiting
    {
        get
        {
            lock (_gate) return (_waiting.Count, _busy);
        }
    }

    // Milliseconds of a clock that begins anywhere.
    private long Now => (long)_clock.GetElapsedTime(0).TotalMilliseconds;

    /// <summary>A view of the model for one more solver, until it is disposed.</summary>
    public SharedModel Join()
    {
        lock (_gate)
        {
            ObjectDisposedException.ThrowIf(_ending, this);
            _participants++;
        }

        return new SharedModel(this);
    }

    /// <summary>Ends the thread. No solver may be left.</summary>
    public void Dispose()
    {
        lock (_gate)
        {
            if (_participants > 0)
            {
                throw new InvalidOperationException($"{_participants} solvers still use the model.");
            }

            _ending = true;
            Monitor.PulseAll(_gate);
        }

        _thread.Join();
    }

    internal void Leave()
    {
        lock (_gate)
        {
            _participants--;
            Monitor.PulseAll(_gate);
        }
    }

    /// <summary>Waits for the function's value; a new tensor in the caller's scope.</summary>
    internal Tensor Forward(SharedCall call)
    {
        lock (_gate)
        {
            call.Arrived = Now;
            _waiting.Add(call);
            WaitUntil(call, () => call.Output is not null);
            Tensor output = Detached(call.Output!);
            call.Output = null;
            return output;
        }
    }

    /// <summary>Gives a cotangent and waits for Jᵀ w; a new tensor in the caller's scope.</summary>
    internal Tensor Backward(SharedCall call, Tensor cotangent)
    {
        lock (_gate)
        {
            call.Cotangent = cotangent;
            WaitUntil(call, () => call.Gradient is not null);
            return Detached(call.Gradient!);
        }
    }

    /// <summary>Gives up a call between its two points.</summary>
    internal void Abandon(SharedCall call)
    {
        lock (_gate)
        {
            call.Abandoned = true;
            Monitor.PulseAll(_gate);
        }
    }

    private void WaitUntil(SharedCall call, Func<bool> answered)
    {
        _blocked++;
        Monitor.PulseAll(_gate);
        while (call.Error is null && !answered())
        {
            Monitor.Wait(_gate);
        }

        if (call.Error is { } error)
        {
            throw error.IsOutOfMemory
                ? new InsufficientMemoryException(error.FirstLine)
                : new InvalidOperationException("A shared network call failed.", error);
        }
    }

    // Tensors cross threads without a scope; here they enter the caller's.
    private static Tensor Detached(Tensor answer)
    {
        Tensor mine = answer.alias();
        answer.Dispose();
        return mine;
    }

    private void Serve()
    {
        while (true)
        {
            SharedBatch? backward;
            SharedCall[] calls;
            lock (_gate)
            {
                while ((backward = _open.Find(batch => batch.IsComplete)) is null && (calls = NextBatch()).Length == 0)
                {
                    if (_ending)
                    {
                        return;
                    }

                    Monitor.Wait(_gate, _waiting.Count == 0 ? Timeout.Infinite : (int)Math.Max(1, WaitsSince(_waiting[0]) + _windowMs - Now));
                }

                calls = backward is null ? NextBatch() : [];
                if (backward is not null)
                {
                    _open.Remove(backward);
                }
                else
                {
                    _waiting.RemoveAll(calls.Contains);
                }

                _busy = true;
            }

            Answer(backward?.Calls ?? calls, backward is null ? () => RunForward(calls) : () => RunBackward(backward));
            lock (_gate)
            {
                (_busy, _idleSince) = (false, Now);
            }
        }
    }

    // The next calls: the oldest one and those compatible with it, once the batch is full, no other call can come, or the oldest one's window has ended.
    private SharedCall[] NextBatch()
    {
        if (_waiting.Count == 0)
        {
            return [];
        }

        SharedCall oldest = _waiting[0];
        var chosen = new List<SharedCall> { oldest };
        long items = oldest.Items;
        foreach (SharedCall call in _waiting.Skip(1).Where(oldest.FitsWith))
        {
            if (items + call.Items > _mostItems)
            {
                break;
            }

            chosen.Add(call);
            items += call.Items;
        }

        bool everybodyWaits = _blocked >= _participants;
        return everybodyWaits || items >= _mostItems || Now - WaitsSince(oldest) >= _windowMs ? [.. chosen] : [];
    }

    // The time in which the network was busy does not count: a solver that was just answered may call again, or two solvers would alternate for ever.
    private long WaitsSince(SharedCall call) => Math.Max(call.Arrived, _idleSince);

    private void Answer(SharedCall[] calls, Action run)
    {
        try
        {
            run();
        }
        catch (Exception error) when (error.IsOutOfMemory && calls.Length > 1 && calls[0].Batch is null)
        {
            // Half as many at a time, from now on.
            _mostItems = Math.Max(1, calls.Sum(call => call.Items) / 2);
            int half = calls.Length / 2;
            Answer(calls[..half], () => RunForward(calls[..half]));
            Answer(calls[half..], () => RunForward(calls[half..]));
        }
        catch (Exception error)
        {
            lock (_gate)
            {
                // The limit is halved for later batches; a graph that was too large is not built again.
                _mostItems = error.IsOutOfMemory ? Math.Max(1, calls.Sum(call => call.Items) / 2) : _mostItems;
                foreach (SharedCall call in calls.Where(call => call.Error is null && !call.Abandoned))
                {
                    call.Error = error;
                    _blocked--;
                }

                Monitor.PulseAll(_gate);
            }
        }
    }

    private void RunForward(SharedCall[] calls)
    {
        using DisposeScope scope = torch.NewDisposeScope();
        bool gradient = calls[0].WithGradient;
        Tensor[] outputs;
        SharedBatch? batch = null;
        using (torch.no_grad())
        {
            Tensor input = calls.Length == 1 ? calls[0].Input.detach() : torch.cat([.. calls.Select(call => call.Input.detach())]);
            Tensor? t = calls[0].T is null ? null : torch.cat([.. calls.Select(call => call.T!.expand(call.Items))]);
            if (gradient)
            {
                Tensor leaf = input.requires_grad_();
                using IDisposable on = torch.enable_grad();
                Tensor result = Compute(calls[0], leaf, t);
                outputs = Parts(calls, result.detach());
                batch = new SharedBatch(calls, leaf.DetachFromDisposeScope(), result.DetachFromDisposeScope());
            }
            else
            {
                outputs = Parts(calls, Compute(calls[0], input, t));
            }
        }

        lock (_gate)
        {
            foreach ((SharedCall call, Tensor output) in calls.Zip(outputs))
            {
                call.Output = output;
                call.Batch = batch;
                _blocked--;
            }

            if (batch is not null)
            {
                _open.Add(batch);
            }

            long items = calls.Sum(call => call.Items);
            (Batches, Items, Largest) = (Batches + 1, Items + items, Math.Max(Largest, items));
            Monitor.PulseAll(_gate);
        }
    }

    private void RunBackward(SharedBatch batch)
    {
        using SharedBatch ended = batch;
        if (batch.Calls.All(call => call.Abandoned))
        {
            return;
        }

        using DisposeScope scope = torch.NewDisposeScope();
        using IDisposable off = torch.no_grad();
        Tensor cotangent = torch.cat(
            [.. batch.Calls.Select((call, i) => call.Cotangent?.detach() ?? torch.zeros_like(Part(batch.Calls, batch.Result.detach(), i)))]);
        Tensor[] gradients = Parts(batch.Calls, torch.autograd.vjp(batch.Result, batch.Leaf, cotangent));
        lock (_gate)
        {
            foreach ((SharedCall call, Tensor gradient) in batch.Calls.Zip(gradients))
            {
                if (call.Abandoned)
                {
                    gradient.Dispose();
                    continue;
                }

                call.Gradient = gradient;
                _blocked--;
            }

            Monitor.PulseAll(_gate);
        }
    }

    private Tensor Compute(SharedCall call, Tensor input, Tensor? t) => call.Function switch
    {
        SharedFunction.PredictNoise => _model.PredictNoise(input, t!),
        SharedFunction.Encode => _model.EncodeCore(input),
        SharedFunction.Decode => _model.DecodeCore(input),
        _ => _model.ConsistencyFunction(input, call.Sigma),
    };

    private static Tensor[] Parts(SharedCall[] calls, Tensor whole) =>
        [.. calls.Select((_, i) => (calls.Length == 1 ? whole : Part(calls, whole, i).clone()).DetachFromDisposeScope())];

    private static Tensor Part(SharedCall[] calls, Tensor whole, int i) => whole.narrow(0, calls.Take(i).Sum(call => call.Items), calls[i].Items);
}
