using InverseSolver.Torch;

namespace InverseSolver.Diffusion;

/// <summary>
/// Replays a network's calls as CUDA graphs: what a call launches is recorded once for each shape and stream and then started as a whole, which spares
/// the host's time per kernel. A recording is used only after its first replay agreed with the call as it was; where recording fails, does not agree, or
/// memory is short, the call runs as it always did. For a function of tensors that neither draws random numbers nor looks at values on the host.
/// </summary>
internal sealed class CapturedCalls(Func<Tensor[], Tensor> function) : IDisposable
{
    // Each recording keeps its activations: of a decoder with gradient that is most of what such a call needs.
    private const int MostRecordings = 4;

    // What a replay may differ from the call itself, relative to the largest value; kernels may add up in another order.
    private const double Agreement = 1e-3;

    private readonly Lock gate = new();
    private readonly List<Recording> recordings = [];

    /// <summary>Recordings in use.</summary>
    internal int Recorded
    {
        get
        {
            lock (gate)
            {
                return recordings.Count(recording => recording.IsReady);
            }
        }
    }

    /// <summary>Why the last recording was given up; null where none was.</summary>
    internal string? LastFailure { get; private set; }

    /// <summary>The function's value, in the caller's scope; recorded from the third call of a shape on.</summary>
    internal Tensor Call(params Tensor[] inputs)
    {
        if (Find(inputs, withGradient: false) is not { } recording)
        {
            return function(inputs);
        }

        using DisposeScope scope = torch.NewDisposeScope();
        try
        {
            if (!recording.IsReady)
            {
                Tensor eager = function(inputs);
                Record(recording, inputs, eager);
                return eager.MoveToOuterDisposeScope();
            }

            recording.Load(inputs);
            recording.Forward!.Replay();
            return recording.Output!.clone().MoveToOuterDisposeScope();
        }
        finally
        {
            Release(recording);
        }
    }

    /// <summary>The function's value and Jᵀ w by its first input; as <see cref="LatentModel.DecodeVjp"/>.</summary>
    /// <param name="input">The input.</param>
    /// <param name="cotangent">Makes w from the value, one scope inside the caller's.</param>
    /// <param name="eager">The same without a recording.</param>
    internal (Tensor Value, Tensor Gradient) Vjp(Tensor input, Func<Tensor, Tensor> cotangent, Func<Tensor, Func<Tensor, Tensor>, (Tensor Value, Tensor Gradient)> eager)
    {
        if (Find([input], withGradient: true) is not { } recording)
        {
            return eager(input, cotangent);
        }

        try
        {
            if (!recording.IsReady)
            {
                Tensor? w = null;
                (Tensor value, Tensor gradient) = eager(input, image =>
                {
                    Tensor made = cotangent(image);
                    w = made.clone().DetachFromDisposeScope();
                    return made;
                });
                using Tensor kept = w!;
                RecordVjp(recording, input, kept, gradient);
                return (value, gradient);
            }

            using DisposeScope scope = torch.NewDisposeScope();
            using GradMode off = torch.no_grad();
            recording.Load([input]);
            recording.Forward!.Replay();
            Tensor image = recording.Output!.detach().clone();
            recording.Cotangent!.copy_(cotangent(image));
            recording.Backward!.Replay();
            return (image.MoveToOuterDisposeScope(), recording.Gradient!.clone().MoveToOuterDisposeScope());
        }
        finally
        {
            Release(recording);
        }
    }

    /// <summary>Lets go of all recordings and their memory.</summary>
    internal void Clear()
    {
        lock (gate)
        {
            foreach (Recording recording in recordings.Where(recording => !recording.InUse))
            {
                recording.Dispose();
            }

            recordings.RemoveAll(recording => !recording.InUse);
        }
    }

    public void Dispose() => Clear();

    // A recording of this shape that nobody uses, taken; null where the call is to run as it is: on the host, on a default stream, while a gradient is
    // recorded, the first two times, and while the same recording is in use (a call inside another's cotangent).
    private Recording? Find(Tensor[] inputs, bool withGradient)
    {
        if (CudaStream.Current is not { } stream || inputs[0].device.Type != DeviceType.CUDA || torch.is_grad_enabled() && inputs.Any(input => input.requires_grad))
        {
            return null;
        }

        lock (gate)
        {
            Recording? found = recordings.Find(recording => recording.Fits(stream, inputs, withGradient));
            if (found is null)
            {
                if (recordings.Count >= MostRecordings && recordings.Find(recording => !recording.InUse) is { } oldest)
                {
                    recordings.Remove(oldest);
                    oldest.Dispose();
                }

                recordings.Add(new Recording(stream, inputs, withGradient) { Calls = 1 });
                return null;
            }

            recordings.Remove(found);
            recordings.Add(found);
            if (found.InUse || found.Failed || ++found.Calls < 3)
            {
                return null;
            }

            found.InUse = true;
            return found;
        }
    }

    private void Release(Recording recording)
    {
        lock (gate)
        {
            recording.InUse = false;
        }
    }

    private void Record(Recording recording, Tensor[] inputs, Tensor eager) => Try(recording, () =>
    {
        recording.Inputs = [.. inputs.Select(input => input.clone().DetachFromDisposeScope())];
        recording.Forward = new CudaGraph();
        recording.Forward.Begin();
        try
        {
            recording.Output = function(recording.Inputs).DetachFromDisposeScope();
        }
        finally
        {
            recording.Forward.End();
        }

        recording.Forward.Replay();
        return Differs(recording.Output, eager);
    });

    private void RecordVjp(Recording recording, Tensor input, Tensor w, Tensor eager) => Try(recording, () =>
    {
        using GradMode off = torch.no_grad();
        Tensor leaf = input.detach().clone().requires_grad_().DetachFromDisposeScope();
        recording.Inputs = [leaf];
        recording.Cotangent = w.clone().DetachFromDisposeScope();
        recording.Forward = new CudaGraph();
        recording.Forward.Begin();
        try
        {
            using GradMode on = torch.enable_grad();
            recording.Output = function([leaf]).DetachFromDisposeScope();
        }
        finally
        {
            recording.Forward.End();
        }

        recording.Backward = new CudaGraph();
        recording.Backward.Begin(recording.Forward);
        try
        {
            recording.Gradient = torch.autograd.grad([recording.Output], [leaf], [recording.Cotangent], retain_graph: true)[0].DetachFromDisposeScope();
        }
        finally
        {
            recording.Backward.End();
        }

        recording.Forward.Replay();
        recording.Backward.Replay();
        return Differs(recording.Gradient, eager);
    });

    // Records and compares; whatever goes wrong, the recording is not used and the call's own result stands.
    private void Try(Recording recording, Func<double> record)
    {
        using DisposeScope scope = torch.NewDisposeScope();
        try
        {
            double difference = record();
            recording.IsReady = difference <= Agreement;
            LastFailure = recording.IsReady ? LastFailure : FormattableString.Invariant($"the replay differs from the call by {difference:E1}");
        }
        catch (NativeException error) when (error is not NativeDeviceLostException)
        {
            LastFailure = error.Message;
        }

        if (!recording.IsReady)
        {
            recording.Failed = true;
            recording.Dispose();
        }
    }

    private static double Differs(Tensor replayed, Tensor eager)
    {
        double size = eager.detach().abs().max().ToDouble(), difference = (replayed.detach() - eager.detach()).abs().max().ToDouble();
        return double.IsNaN(difference) ? double.PositiveInfinity : size == 0 ? difference : difference / size;
    }

    private sealed class Recording(CudaStream stream, Tensor[] like, bool withGradient) : IDisposable
    {
        private readonly (string Shape, ScalarType Type)[] inputs = [.. like.Select(Kind)];

        internal int Calls { get; set; }

        internal bool InUse { get; set; }

        internal bool IsReady { get; set; }

        internal bool Failed { get; set; }

        internal CudaGraph? Forward { get; set; }

        internal CudaGraph? Backward { get; set; }

        internal Tensor[] Inputs { get; set; } = [];

        internal Tensor? Output { get; set; }

        internal Tensor? Cotangent { get; set; }

        internal Tensor? Gradient { get; set; }

        internal bool Fits(CudaStream on, Tensor[] given, bool gradient) =>
            ReferenceEquals(stream, on) && withGradient == gradient && inputs.AsSpan().SequenceEqual(given.Select(Kind).ToArray());

        internal void Load(Tensor[] given)
        {
            using GradMode off = torch.no_grad();
            foreach ((Tensor mine, Tensor theirs) in Inputs.Zip(given))
            {
                using Tensor values = mine.detach();
                values.copy_(theirs);
            }
        }

        public void Dispose()
        {
            Gradient?.Dispose();
            Cotangent?.Dispose();
            Output?.Dispose();
            foreach (Tensor input in Inputs)
            {
                input.Dispose();
            }

            Backward?.Dispose();
            Forward?.Dispose();
            (Gradient, Cotangent, Output, Inputs, Backward, Forward, IsReady) = (null, null, null, [], null, null, false);
        }

        private static (string Shape, ScalarType Type) Kind(Tensor tensor) => (string.Join('x', tensor.shape), tensor.dtype);
    }
}
